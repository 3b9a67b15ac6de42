//! Renewed proof of a session's user.

pub mod reauthenticate;

mod by_mailed_code;
mod proof;
