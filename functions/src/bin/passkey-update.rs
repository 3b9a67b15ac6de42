//! The Lambda function `passkey-update`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::passkeys::passkey_update::OPERATION)
}
