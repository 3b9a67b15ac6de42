mod backup_codes_regenerate;
mod mfa_status;
mod totp_disable;
mod totp_enable;
mod totp_setup;
