//! What the tests are written in: a world of one's own, and a client that speaks the public API to it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

mod client;
mod person;

pub use client::{Answer, Client};
pub use person::Person;

use local::{Options, World};

/// A password that the policy takes.
pub const PASSWORD: &str = "Gr8-tulip-Wagon";

/// Another.
pub const OTHER_PASSWORD: &str = "Blue-7-harbour-lamp";

/// The options that tests start from: in memory, password hashes at the least cost that the configuration takes, and retries
/// that don't wait.
pub fn options() -> Options {
    let mut options = Options::in_memory();
    options.environment.insert("PASSWORD_COST".to_owned(), "12288,3,1".to_owned());
    options.retries = Some(Options::fast_retries(3));
    options
}

/// A world with loose limits, as `cargo run` has them.
pub async fn world() -> World {
    World::start(options()).await.expect("the template starts")
}

/// A world with the limits of the template as deployed.
pub async fn strict_world() -> World {
    World::start(Options { strict: true, ..options() }).await.expect("the template starts")
}

/// All that the tables hold, as text, for looking whether something is readable in it.
pub fn everything_stored(world: &World) -> String {
    world
        .tables()
        .iter()
        .flat_map(|table| world.scan(table))
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join("\n")
}
