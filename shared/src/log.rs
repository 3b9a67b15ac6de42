//! Logs: JSON lines of `tracing`, at `info` by default (`LOG_LEVEL`). What may stand in them is decided where they are written:
//! names of operations, request ids, codes, and no secret, token, address or IP (a test plants canaries and greps).

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Writes JSON lines to standard output, where Lambda collects them. Only lines of this project's own crates are written: what a
/// library logs (the SDK at `debug` logs whole requests) was not written with this page's rule in mind.
pub fn to_stdout() {
    let level = std::env::var("LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).without_time().with_target(false);
    let ours = tracing_subscriber::filter::filter_fn(|metadata| {
        metadata.target().starts_with("shared") || metadata.target().starts_with("functions")
    });
    // A second call (tests) finds a subscriber in place, which serves as well.
    let _ = tracing_subscriber::registry().with(layer.with_filter(level).with_filter(ours)).try_init();
    std::panic::set_hook(Box::new(|panic| {
        // The message may hold what a client sent; where it happened is enough to find it.
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panic");
    }));
}
