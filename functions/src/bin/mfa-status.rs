//! The Lambda function `mfa-status`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::mfa::mfa_status::OPERATION)
}
