//! The Lambda function `oauth-token`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::oauth::oauth_token::OPERATION)
}
