//! The table `sessions`: sessions and devices.

pub(in crate::store) mod device;
pub(in crate::store) mod page;
pub(in crate::store) mod session;
