//! Latchkey's operations. Each is one file and one Lambda function. The file reads top to bottom: parse → load → decide
//! → save → answer. [`operations`] is the list.

pub mod operations;

pub mod account;
pub mod admin;
pub mod login;
pub mod mfa;
pub mod oauth;
pub mod pages;
pub mod passkeys;
pub mod platform;
pub mod providers;
pub mod reauthentication;
pub mod recovery;
pub mod registration;
pub mod sessions;
pub mod tokens;
pub mod workers;

mod auth;
