//! The session at the end of a login.

pub(crate) mod alert;
pub(crate) mod ceilings;
pub(crate) mod device;
pub(crate) mod end;
pub(crate) mod issue;
pub(crate) mod response;
pub(crate) mod rotation;
pub(crate) mod subject;
