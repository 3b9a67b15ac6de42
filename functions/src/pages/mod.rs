//! The pages that belong to no operation of the API. Their scripts use the API.

#[expect(clippy::module_inception, reason = "an operation has its own name everywhere")]
pub mod pages;
