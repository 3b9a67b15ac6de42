//! Public information about the service.

pub mod config;
pub mod health;
pub mod jwks;
pub mod not_found;
pub mod openid_configuration;
