//! The Lambda function `oauth-authorize`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::oauth::oauth_authorize::OPERATION)
}
