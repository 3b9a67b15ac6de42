//! Pure types and rules: no AWS, no HTTP, no clock of their own.

pub mod account;
pub mod audit;
pub mod challenge;
pub mod email_address;
pub mod identifier;
pub mod ids;
pub mod limits;
pub mod lockout;
pub mod mail;
pub mod name;
pub mod network;
pub mod otp_code;
pub mod password;
pub mod session;
pub mod username;
