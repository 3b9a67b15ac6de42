//! The account, by its owner.

pub mod password_change;
pub mod profile_get;
pub mod profile_update;
