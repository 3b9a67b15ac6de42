//! Ways back in.

pub mod password_reset;
