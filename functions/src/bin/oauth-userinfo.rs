//! The Lambda function `oauth-userinfo`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::oauth::oauth_userinfo::OPERATION)
}
