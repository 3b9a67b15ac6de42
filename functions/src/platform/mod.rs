//! Public information about the service.

pub mod captcha_challenge;
pub mod config;
pub mod health;
pub mod jwks;
pub mod not_found;
pub mod openapi;
pub mod openid_configuration;
pub mod well_known;
