//! The hosted pages: the operation, the templates and texts of pages, and the files that pages load. Their scripts use the API.

mod assets;
mod page;
#[expect(clippy::module_inception, reason = "an operation has its own name everywhere")]
pub mod pages;
mod policy;
mod pseudo_locale;
