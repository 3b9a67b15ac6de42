//! The Lambda function `passkey-remove`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::passkeys::passkey_remove::OPERATION)
}
