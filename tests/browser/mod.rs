//! With a real browser: left out, and said so by name, where Chromium isn't installed (`.ci/run` installs it).

mod chromium;
mod passkeys;
