//! The Lambda function `totp-enable`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::mfa::totp_enable::OPERATION)
}
