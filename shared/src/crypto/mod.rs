//! Cryptography, composed of established crates. None of the algorithms is our own.

pub mod access_token;
pub mod altcha;
pub mod backup_code;
pub mod client_secret;
pub mod device_token;
pub mod field;
pub mod id_token;
mod jws;
pub mod key;
pub mod lookup_hash;
pub mod password_hash;
pub mod pkce;
pub mod refresh_token;
pub mod secret;
pub mod totp;
