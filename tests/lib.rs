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

/// What an access token says, read without checking it.
pub fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The sessions that are stored.
pub fn sessions(world: &World) -> Vec<serde_json::Value> {
    of_kind(world, "SESSION#")
}

/// The devices that are stored.
pub fn devices(world: &World) -> Vec<serde_json::Value> {
    of_kind(world, "DEVICE#")
}

fn of_kind(world: &World, prefix: &str) -> Vec<serde_json::Value> {
    let items = world.scan("sessions").into_iter();
    items.filter(|item| item["sk"]["S"].as_str().is_some_and(|key| key.starts_with(prefix))).collect()
}

/// The audit events of an action, as `(outcome, method)`.
pub fn events(world: &World, action: &str) -> Vec<(String, String)> {
    let text = |item: &serde_json::Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let mut items: Vec<_> = world.scan("audit").into_iter().filter(|item| item["event"]["S"] == action).collect();
    items.sort_by_key(|item| text(item, "sk"));
    items.iter().map(|item| (text(item, "outcome"), text(item, "method"))).collect()
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
