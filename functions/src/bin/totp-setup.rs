//! The Lambda function `totp-setup`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::mfa::totp_setup::OPERATION)
}
