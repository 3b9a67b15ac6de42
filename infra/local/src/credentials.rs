//! The credentials of local callers: the administrator, and each function under its own name.

use crate::account;

/// The access key of the administrator.
pub const ACCESS_KEY: &str = "local";

/// The secret key of all local callers. It protects nothing: the source shows it, and it opens only loopback ports.
pub const SECRET_KEY: &str = "local-secret-no-use-elsewhere";

/// The principal that may do everything: the holder of [`ACCESS_KEY`], and the world itself.
pub(crate) const ADMIN: &str = "admin";

/// The access key and principal of functions that run elsewhere, such as under `cargo lambda watch`. They share one environment, so
/// they share one role of the stack, which may do everything.
pub(crate) const FUNCTIONS: &str = "functions";

/// The value of `aws:PrincipalArn`: a function's role, or the administrator, who is a user.
pub(crate) fn principal_arn(principal: &str) -> String {
    match principal {
        ADMIN => account::arn("iam", "user/administrator"),
        _ => account::arn("iam", &format!("role/{}-{principal}-role", account::STACK)),
    }
}
