//! The library that every Latchkey function is built from.
//!
//! A request goes one way: API Gateway event → operation (parse → load → decide → save → answer) → [`domain`] →
//! [`store`]. The operations are in the package `functions`.
//!
//! This crate has seven layers. A module imports only its own layer and the layers above it in this list. A test reads
//! the `use` lines and fails on an import that breaks the order.
//!
//! 1. [`error`], [`fields`] (typed JSON parsing, no HTTP), [`clock`], [`rng`], [`log`], [`aws`] (configured SDK clients)
//! 2. [`domain`]: pure types and rules; no AWS, no HTTP, no configuration, no clock of its own
//! 3. [`crypto`]: keys, tokens, hashes and field encryption
//! 4. [`store`]: reads and writes DynamoDB
//! 5. [`keyring`] (KMS), [`secrets`] and [`user_cipher`]
//! 6. [`texts`], [`mail`], [`http`], [`webauthn`], [`providers`], [`geo`]
//! 7. [`config`], [`app`], [`context`], [`operation`], [`custom_resource`], [`runtime`]

pub mod app;
pub mod aws;
pub mod clock;
pub mod config;
pub mod context;
pub mod crypto;
pub mod custom_resource;
pub mod domain;
pub mod error;
pub mod fields;
pub mod geo;
pub mod http;
pub mod keyring;
pub mod log;
pub mod mail;
pub mod operation;
pub mod providers;
pub mod rng;
pub mod runtime;
pub mod secrets;
pub mod store;
pub mod texts;
pub mod user_cipher;
pub mod webauthn;
