//! Latchkey's tests: through the public API, each in a world of its own. `<area>/<operation>.rs` for each operation, then what holds
//! across them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]
#![expect(clippy::print_stdout, reason = "a test tells what it measured or left out")]

mod account;
mod bodies;
mod browser;
mod contract;
mod cookies;
mod faults;
mod iam;
mod limits;
mod login;
mod mfa;
mod passkeys;
mod platform;
mod prices;
mod races;
mod readme;
mod reauthentication;
mod recovery;
mod registration;
mod scenarios;
mod secrecy;
mod sessions;
mod step_up;
mod tokens;
mod workers;
