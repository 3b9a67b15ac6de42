//! The Lambda function `login-email-verify`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::login::login_email_verify::OPERATION)
}
