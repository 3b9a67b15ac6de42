//! Registration and the proof of the address.

mod mail;
mod pending;
pub mod register;
pub mod register_complete;
pub mod register_resend;
pub mod register_verify;
