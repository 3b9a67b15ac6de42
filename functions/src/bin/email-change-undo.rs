//! The Lambda function `email-change-undo`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::email_change_undo::OPERATION)
}
