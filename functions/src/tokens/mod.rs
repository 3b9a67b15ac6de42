//! Tokens and the sessions that they belong to.

pub mod logout;
pub mod token_refresh;
