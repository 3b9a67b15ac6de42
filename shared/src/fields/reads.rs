//! Which fields operations read, in debug builds, so that a test compares them with the described ones.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Mutex, PoisonError},
};

use super::schema::Read;

/// The place of a field in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Body,
    Query,
}

tokio::task_local! {
    static OPERATION: &'static str;
}

static READS: Mutex<BTreeSet<(&'static str, Place, Read)>> = Mutex::new(BTreeSet::new());

/// Runs an operation, and records what it reads.
pub async fn of_operation<T>(name: &'static str, run: impl Future<Output = T>) -> T {
    if cfg!(debug_assertions) { OPERATION.scope(name, run).await } else { run.await }
}

/// Records a field that the running operation reads as a type.
pub fn record<T>(place: Place, path: &str) {
    if cfg!(not(debug_assertions)) {
        return;
    }
    let (path, parsed_as) = (path.to_owned(), std::any::type_name::<T>());
    // Outside an operation, such as in a unit test, nothing is recorded.
    let _ = OPERATION.try_with(|operation| {
        let mut reads = READS.lock().unwrap_or_else(PoisonError::into_inner);
        reads.insert((operation, place, Read { path, parsed_as }));
    });
}

/// What operations have read in this process: operation, place and field.
pub fn recorded() -> BTreeSet<(&'static str, Place, Read)> {
    READS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
