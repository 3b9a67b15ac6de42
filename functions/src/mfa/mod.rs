//! Second factors, by their owner.

pub mod backup_codes_regenerate;
pub mod mfa_status;
pub mod totp_disable;
pub mod totp_enable;
pub mod totp_setup;
