//! Tests in a real browser. They are left out if Chromium is not installed. `.ci/run` installs it.

mod chromium;
mod passkeys;
mod reset_password;
