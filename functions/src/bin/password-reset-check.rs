//! The Lambda function `password-reset-check`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::recovery::password_reset_check::OPERATION)
}
