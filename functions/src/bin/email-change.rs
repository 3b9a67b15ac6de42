//! The Lambda function `email-change`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::email_change::OPERATION)
}
