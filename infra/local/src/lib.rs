//! The cloud on one machine: serves `template.yaml` with an embedded DynamoDB, KMS and SES, in process.
//!
//! A [`World`] is one such cloud. The code of the functions is the code that is deployed; what is replaced is what lies
//! under the AWS SDK. Each function's policy in the template is enforced, every call is counted, and faults can be
//! injected. The binary of this crate serves one world on loopback; tests start as many as they like.

mod aws;
pub mod clock;
mod console;
pub mod faults;
mod gateway;
pub mod iam;
pub mod ledger;
pub mod mailbox;
mod mailbox_page;
pub mod options;
mod server;
pub mod template;
pub mod triggers;
pub mod world;

pub use clock::LocalClock;
pub use faults::{Faults, Kind, Rule, Service};
pub use gateway::sigv4::{ACCESS_KEY, SECRET_KEY};
pub use ledger::{Call, Cost};
pub use mailbox::Mail;
pub use options::{Data, Options};
pub use server::{Server, ServerError};
pub use triggers::DeadLetter;
pub use world::{StartError, World};

/// What a mutex guards. A panic elsewhere while it was held has left nothing half done in here: every critical section
/// in this crate is one assignment, insertion or copy.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
