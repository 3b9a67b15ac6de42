//! AWS in process. The requests of the SDK come here instead of going to the network.
//!
//! Every call has the same four steps. A fault may hit it, the caller's role must allow it, the service answers, and
//! the ledger records it. Functions call through [`LocalClient`]. Other programs, such as the AWS CLI, call through
//! `server/aws_port.rs`.

mod answer;
mod call;
mod client;
mod dynamodb;
mod error;
mod expressions;
mod injected;
mod kms;
mod parameters;
mod permissions;
pub(crate) mod process;
mod secrets;
mod services;
mod ses;
mod siteverify;

pub(crate) use client::LocalClient;
pub(crate) use kms::Kms;
pub(crate) use secrets::Secrets;
pub(crate) use services::{Aws, CLOUDFORMATION_HOST};
pub(crate) use ses::Identities;
pub(crate) use siteverify::Siteverify;
