//! The Lambda function `send-email`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::workers::send_email::OPERATION)
}
