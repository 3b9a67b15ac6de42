//! Functions that no client calls.

pub mod cleanup;
pub mod keys_rotate;
pub mod send_email;
