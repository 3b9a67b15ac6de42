//! The Lambda function `passkey-register`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::passkeys::passkey_register::OPERATION)
}
