//! The cloud on one machine: serves `template.yaml` with an embedded DynamoDB, KMS, Secrets Manager and SES, in process.
//!
//! A [`World`] is one such cloud. It runs the deployed code of the functions. Only the transport below the AWS SDK is
//! replaced. A world enforces each function's policy, counts every call and can inject faults. The binary of this crate
//! serves one world on loopback. Tests start one world each.
//!
//! The modules are layers. A module uses only modules of earlier layers:
//!
//! 1. `sync`, `document`, `account`, `credentials`
//! 2. `clock`, `faults`, `mailbox`, `iam`
//! 3. `ledger`, `template`
//! 4. `options`
//! 5. `aws`
//! 6. `cloud`
//! 7. `gateway`, `triggers`
//! 8. `console`, `deployment`
//! 9. `world`
//! 10. `server`

mod account;
mod aws;
pub mod clock;
mod cloud;
mod console;
mod credentials;
mod deployment;
mod document;
pub mod faults;
mod gateway;
pub mod iam;
pub mod ledger;
pub mod mailbox;
pub mod options;
mod server;
mod sync;
pub mod template;
pub mod triggers;
pub mod world;

pub use clock::LocalClock;
pub use credentials::{ACCESS_KEY, SECRET_KEY};
pub use deployment::{RequestType, StartError};
pub use document::TemplateError;
pub use faults::{Faults, Kind, Rule, Service};
pub use ledger::{Call, Cost};
pub use mailbox::Mail;
pub use options::{Data, Internet, Options};
pub use server::{Server, ServerError};
pub use triggers::DeadLetter;
pub use world::World;
