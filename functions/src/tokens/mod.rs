//! Tokens and the sessions that they belong to.

pub mod authorizer;
pub mod csrf;
pub mod token_introspect;
pub mod token_refresh;
