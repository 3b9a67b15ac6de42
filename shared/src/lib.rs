//! What every Latchkey function is made of.
//!
//! The way of a request: API Gateway event → [`operation`] → the operation's own file in the package `functions` (parse →
//! load → decide → save → answer) → [`domain`] decides → [`store`] reads and writes DynamoDB. One direction, no way back up.

pub mod app;
pub mod clock;
pub mod config;
pub mod context;
pub mod crypto;
pub mod domain;
pub mod error;
pub mod fields;
pub mod geo;
pub mod http;
pub mod keyring;
pub mod log;
pub mod mail;
pub mod operation;
pub mod rng;
pub mod runtime;
pub mod store;
pub mod user_cipher;
pub mod webauthn;
