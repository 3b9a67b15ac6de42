//! Sessions, by their owner.

pub mod logout_all;
pub mod session_revoke;
