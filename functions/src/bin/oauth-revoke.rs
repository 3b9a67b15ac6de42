//! The Lambda function `oauth-revoke`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::oauth::oauth_revoke::OPERATION)
}
