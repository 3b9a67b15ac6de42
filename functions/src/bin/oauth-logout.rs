//! The Lambda function `oauth-logout`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::oauth::oauth_logout::OPERATION)
}
