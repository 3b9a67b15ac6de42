//! The Lambda function `totp-disable`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::mfa::totp_disable::OPERATION)
}
