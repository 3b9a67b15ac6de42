//! `template.yaml`, as CloudFormation and SAM read it. Its declarations are what exists on this machine.
//!
//! This module ignores nothing. An unknown resource type, property or function is an error that names its path. Otherwise
//! AWS would obey a property that this machine ignores, and tests here would not find the difference.

mod events;
mod functions;
mod intrinsics;
mod load;
mod names;
mod parameters;
mod references;
mod schedule;
mod stack;
mod storage;
mod yaml;

pub use events::{DynamoDbSource, HttpRoute, RouteAuthorization, ScheduleSource};
pub use functions::Function;
pub(crate) use intrinsics::stack_id;
pub(crate) use load::{Presence, parameters};
pub use load::{load, parse};
pub use schedule::{Cron, Schedule};
pub use stack::{Cors, CustomResource, Stack};
pub use storage::{Key, Table};
