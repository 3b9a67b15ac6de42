//! The account, by its owner.

pub mod profile_get;
