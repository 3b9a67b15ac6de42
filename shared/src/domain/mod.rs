//! Pure types and rules: no AWS, no HTTP, no configuration, no clock of their own.

pub mod account;
pub mod audit;
pub mod captcha;
pub mod challenge;
pub mod device;
pub mod disowned_login;
pub mod email_address;
pub mod geo_location;
pub mod identifier;
pub mod ids;
pub mod limits;
pub mod lockout;
pub mod mail;
pub mod name;
pub mod network;
pub mod otp_code;
pub mod page;
pub mod passkey_provider;
pub mod password;
pub mod profile;
pub mod second_factor;
pub mod session;
pub mod suspicion;
pub mod text;
pub mod user_agent;
pub mod username;
