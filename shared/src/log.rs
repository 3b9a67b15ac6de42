//! Logs: JSON lines of `tracing`, at `info` by default (`LOG_LEVEL`). What may stand in them is decided where they are written:
//! names of operations, request ids, codes, and no secret, token, address or IP (a test plants canaries and greps).

pub use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

/// Writes JSON lines with `writer`, from `otherwise` on unless `LOG_LEVEL` says else. Lambda collects what goes to standard output.
///
/// Only lines of this project's own crates are written: what a library logs (the SDK at `debug` logs whole requests) was not written
/// with this page's rule in mind.
pub fn start<W>(writer: W, otherwise: LevelFilter)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = std::env::var("LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(otherwise);
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).without_time().with_target(false);
    let ours = tracing_subscriber::filter::filter_fn(|metadata| {
        ["shared", "functions", "local"].iter().any(|name| metadata.target().starts_with(name))
    });
    // A second call finds a subscriber in place, which serves as well.
    let _ =
        tracing_subscriber::registry().with(layer.with_writer(writer).with_filter(level).with_filter(ours)).try_init();
    std::panic::set_hook(Box::new(|panic| {
        // The message may hold what a client sent; where it happened is enough to find it.
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panic");
    }));
}
