//! Logs: JSON lines of `tracing`, at `info` by default (`LOG_LEVEL`).
//!
//! A line may contain operation names, request ids and codes. It never contains a secret, a token, an address or an IP.
//! A test plants canaries and searches the log for them.

pub use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

/// Writes JSON lines with `writer`, at the level in `LOG_LEVEL` or else at `default`. Lambda collects standard
/// output.
///
/// Only this project's own crates log. Libraries do not follow the rule above: at `debug` the SDK logs whole requests.
pub fn start<W>(writer: W, default: LevelFilter)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = std::env::var("LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(default);
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).without_time().with_target(false);
    let ours = tracing_subscriber::filter::filter_fn(|metadata| {
        ["shared", "functions", "local"].iter().any(|name| metadata.target().starts_with(name))
    });
    // A second call keeps the subscriber of the first.
    let _ =
        tracing_subscriber::registry().with(layer.with_writer(writer).with_filter(level).with_filter(ours)).try_init();
    std::panic::set_hook(Box::new(|panic| {
        // The message may contain what a client sent. The location is enough to find the panic.
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panic");
    }));
}
