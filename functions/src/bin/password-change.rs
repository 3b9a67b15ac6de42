//! The Lambda function `password-change`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::password_change::OPERATION)
}
