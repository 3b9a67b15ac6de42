//! Cryptography: compositions of kept crates, none of it our own.

pub mod access_token;
pub mod backup_code;
pub mod device_token;
pub mod field;
pub mod key;
pub mod lookup_hash;
pub mod password_hash;
pub mod refresh_token;
pub mod secret;
pub mod totp;
