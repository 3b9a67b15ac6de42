//! The Lambda function `password-reset`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::recovery::password_reset::OPERATION)
}
