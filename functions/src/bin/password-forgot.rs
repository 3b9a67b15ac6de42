//! The Lambda function `password-forgot`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::recovery::password_forgot::OPERATION)
}
