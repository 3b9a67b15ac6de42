//! Latchkey's tests. Each uses the public API in a world of its own. `<area>/<operation>.rs` has the tests and the scenarios of one
//! operation. The other files test rules that hold for all operations.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]
#![expect(clippy::print_stdout, reason = "a test prints what it measured or left out")]

mod account;
pub(crate) mod admin;
mod bodies;
mod browser;
mod captcha;
mod cargo_lambda;
mod contract;
mod contributing;
mod cookies;
mod events;
mod faults;
mod flood;
mod generated;
mod iam;
mod inputs;
mod invariants;
mod js_client;
mod languages;
mod layers;
mod limits;
pub(crate) mod login;
mod mfa;
mod oauth;
mod openapi;
mod outside;
mod pages;
mod passkeys;
mod platform;
mod prices;
mod programs;
mod providers;
mod races;
mod readme;
mod reauthentication;
mod recovery;
mod registration;
mod scenarios;
mod secrecy;
mod sessions;
mod snapshots;
mod step_up;
mod tokens;
mod tour;
mod workers;
