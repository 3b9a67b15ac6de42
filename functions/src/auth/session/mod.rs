//! The session that a login ends in.

pub(crate) mod alert;
pub(crate) mod device;
pub(crate) mod issue;
pub(crate) mod response;
pub(crate) mod subject;
