//! The test kit. A test starts a [`World`] of its own and uses the public API through a [`Client`]. A [`Person`] is a client with an
//! account, an [`App`] is an authenticator app and a [`Key`] is a passkey. [`thorough`] decides how much the long tests do.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod authenticator;
mod client;
pub mod conformance;
mod event;
mod log;
mod person;
pub mod provider;
mod same_key;
mod state;
pub mod thorough;

pub use authenticator::{App, Forged, Key, with_data, with_flags};
pub use client::{Answer, Client, solve};
pub use event::event;
pub use log::Log;
pub use person::Person;
pub use same_key::SameKey;
pub use state::State;

use std::{io::Write as _, path::PathBuf};

use local::{Options, World};

/// A password that the policy accepts.
pub const PASSWORD: &str = "Gr8-tulip-Wagon";

/// Another password that the policy accepts.
pub const OTHER_PASSWORD: &str = "Blue-7-harbour-lamp";

/// The options that tests start from: data in memory, password hashes at the least cost that the configuration accepts, and retries
/// that do not wait.
pub fn options() -> Options {
    log::show();
    let mut options = Options::in_memory();
    options.environment.insert("PASSWORD_COST".to_owned(), "12288,3,1".to_owned());
    options.retries = Some(Options::fast_retries(3));
    options.secrets.insert(provider::PROVIDERS.to_owned(), provider::document().to_string());
    options.internet = local::Internet::Stub(provider::servers());
    options
}

/// A world with loose limits, as in `cargo run`.
pub async fn world() -> World {
    World::start(options()).await.expect("the template starts")
}

/// Options with the limits of the deployed template, without captchas. They have tests of their own, and would come before most
/// limits.
pub fn strict_options() -> Options {
    let mut options = Options { strict: true, ..options() };
    options.parameters.insert("Captcha".to_owned(), "never".to_owned());
    options
}

/// The parameters of a captcha's provider.
pub fn captcha_provider(name: &str) -> [(&str, &str); 3] {
    [("CaptchaProvider", name), ("CaptchaSiteKey", "site-key"), ("CaptchaSecret", "captcha-secret")]
}

/// A world of [`strict_options`].
pub async fn strict_world() -> World {
    World::start(strict_options()).await.expect("the template starts")
}

/// A file or folder of this repository.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Reports a test that is left out because a program is not installed. In `.ci/run` (the variable `CI` is set) and in thorough runs
/// that is a failure.
pub fn leave_out(test: &str, why: &str) {
    assert!(std::env::var_os("CI").is_none() && !thorough::everything(), "{test} can't run: {why}");
    // Not by `eprintln!`, because the test harness hides the output of a test that passes.
    let _ = writeln!(std::io::stderr(), "left out: {test} ({why})");
}

/// The claims of an access token, without a check of its signature.
pub fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The stored sessions.
pub fn sessions(world: &World) -> Vec<serde_json::Value> {
    of_kind(world, "SESSION#")
}

/// The stored devices.
pub fn devices(world: &World) -> Vec<serde_json::Value> {
    of_kind(world, "DEVICE#")
}

fn of_kind(world: &World, prefix: &str) -> Vec<serde_json::Value> {
    let items = world.scan("sessions").into_iter();
    items.filter(|item| item["sk"]["S"].as_str().is_some_and(|key| key.starts_with(prefix))).collect()
}

/// The stored profile of the only account.
pub fn profile(world: &World) -> serde_json::Value {
    world.scan("accounts").into_iter().find(|item| item["sk"]["S"] == "PROFILE").expect("an account")
}

/// Changes the stored profile of the only account, where no route does so yet.
pub fn change_profile(world: &World, change: impl FnOnce(&mut serde_json::Value)) {
    let mut changed = profile(world);
    change(&mut changed);
    let put = serde_json::json!({ "TableName": world.table("accounts").unwrap().physical, "Item": changed });
    world.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
}

/// The audit events of an action, as `(outcome, method)`.
pub fn events(world: &World, action: &str) -> Vec<(String, String)> {
    let text = |item: &serde_json::Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let mut items: Vec<_> = world.scan("audit").into_iter().filter(|item| item["event"]["S"] == action).collect();
    items.sort_by_key(|item| text(item, "sk"));
    items.iter().map(|item| (text(item, "outcome"), text(item, "method"))).collect()
}

/// A value as text with sorted names, so that equal values are equal texts.
pub fn in_order(value: &serde_json::Value) -> String {
    fn ordered(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(map) => {
                let sorted: std::collections::BTreeMap<_, _> = map.iter().collect();
                sorted.into_iter().map(|(name, value)| (name.clone(), ordered(value))).collect()
            }
            serde_json::Value::Array(list) => list.iter().map(ordered).collect(),
            other => other.clone(),
        }
    }
    ordered(value).to_string()
}

/// The items of all tables as text, for a search for readable secrets.
pub fn everything_stored(world: &World) -> String {
    world.tables().iter().flat_map(|table| world.scan(table)).map(|item| in_order(&item)).collect::<Vec<_>>().join("\n")
}
