//! A new proof in an existing session.

pub mod reauthenticate;

mod by_mailed_code;
mod proof;
