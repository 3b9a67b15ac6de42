//! Tests of the local cloud on its own small stack.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

mod console;
mod faults;
mod http_api;
mod permissions;
mod ports;
mod start;
mod support;
mod triggers;
