//! The Lambda function `login-mfa`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::login::login_mfa::OPERATION)
}
