//! The Lambda function `passkey-options`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::passkeys::passkey_options::OPERATION)
}
