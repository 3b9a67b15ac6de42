//! What the functions log in the tests: shown on stderr at the level of `LOG_LEVEL`, and recorded for the test of secrecy.

use std::{
    io::Write,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, dynamic_filter_fn},
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

/// The recording of every level, which is more than a deployment logs. All tests of this process are in it.
#[derive(Clone, Default)]
pub struct Log {
    bytes: Arc<Mutex<Vec<u8>>>,
    is_recording: Arc<AtomicBool>,
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to record.
    pub fn record() -> Self {
        LOG.is_recording.store(true, Ordering::SeqCst);
        LOG.clone()
    }

    /// Ends the recording and returns it. Other tests run for minutes afterwards, and their log would fill the memory.
    pub fn take(&self) -> String {
        self.is_recording.store(false, Ordering::SeqCst);
        let bytes = std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).unwrap()
    }
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let (writer, is_recording) = (log.clone(), Arc::clone(&log.is_recording));
    let is_ours = |metadata: &tracing::Metadata<'_>| {
        ["shared", "functions"].iter().any(|name| metadata.target().starts_with(name))
    };
    let recorded = move |metadata: &tracing::Metadata<'_>, _: &Context<'_, Registry>| {
        is_recording.load(Ordering::SeqCst) && is_ours(metadata)
    };
    let recorder = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
    let shown = level().map(|level| {
        let ours = tracing_subscriber::filter::filter_fn(is_ours);
        tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).with_filter(ours).with_filter(level)
    });
    let registry = tracing_subscriber::registry().with(recorder.with_filter(dynamic_filter_fn(recorded)));
    registry.with(shown).init();
    log
});

fn level() -> Option<LevelFilter> {
    std::env::var("LOG_LEVEL").ok()?.parse().ok()
}

/// Shows the log if `LOG_LEVEL` asks for it.
pub(crate) fn show() {
    if level().is_some() {
        LazyLock::force(&LOG);
    }
}
