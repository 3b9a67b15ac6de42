#[expect(clippy::module_inception, reason = "an operation has its own name everywhere")]
mod login;
