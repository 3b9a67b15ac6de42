//! The Lambda function `login-email`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::login::login_email::OPERATION)
}
