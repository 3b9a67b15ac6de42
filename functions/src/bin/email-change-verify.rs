//! The Lambda function `email-change-verify`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::email_change_verify::OPERATION)
}
