//! The Lambda function `passkey-signal`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::passkeys::passkey_signal::OPERATION)
}
