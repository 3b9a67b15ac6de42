//! The session that a login ends in.

pub(crate) mod alert;
pub(crate) mod device;
pub(crate) mod issue;
