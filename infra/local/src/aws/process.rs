//! The process of one invocation. A fault can end it during a call to AWS.

use std::{future::Future, sync::Arc};

use tokio::sync::Notify;

use super::error::ConnectionFailure;

tokio::task_local! {
    static PROCESS: Arc<Notify>;
}

/// Runs an invocation. `None` means that its process was ended.
pub(crate) async fn run<T>(invocation: impl Future<Output = T>) -> Option<T> {
    let ended = Arc::new(Notify::new());
    tokio::select! {
        biased;
        () = ended.notified() => None,
        result = PROCESS.scope(Arc::clone(&ended), invocation) => Some(result),
    }
}

/// Ends the calling process, which never gets an answer. A caller outside an invocation loses its connection.
pub(super) async fn end() -> ConnectionFailure {
    if PROCESS.try_with(|process| process.notify_one()).is_ok() {
        std::future::pending::<()>().await;
    }
    ConnectionFailure::Lost
}
