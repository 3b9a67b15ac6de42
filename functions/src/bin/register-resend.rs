//! The Lambda function `register-resend`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::registration::register_resend::OPERATION)
}
