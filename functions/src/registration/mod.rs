//! Registration and the proof of the address.

mod account;
mod mail;
pub mod register;
pub mod register_complete;
pub mod register_resend;
pub mod register_verify;
