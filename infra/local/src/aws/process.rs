//! The process of one invocation, which a fault can end at a call to AWS.

use std::{future::Future, sync::Arc};

use tokio::sync::Notify;

use super::Broken;

tokio::task_local! {
    static PROCESS: Arc<Notify>;
}

/// Runs an invocation; `None` if its process was ended.
pub(crate) async fn run<T>(invocation: impl Future<Output = T>) -> Option<T> {
    let ended = Arc::new(Notify::new());
    tokio::select! {
        biased;
        () = ended.notified() => None,
        result = PROCESS.scope(Arc::clone(&ended), invocation) => Some(result),
    }
}

/// Ends the process that makes this call: it never gets an answer. A caller that is no invocation loses its connection.
pub(super) async fn end() -> Broken {
    if PROCESS.try_with(|process| process.notify_one()).is_ok() {
        std::future::pending::<()>().await;
    }
    Broken::Lost
}
