//! Logins by sign-in providers.

pub mod provider_callback;
pub mod provider_start;
pub mod provider_token;

mod outcome;
mod refusal;
mod refused;
mod sign_in;
