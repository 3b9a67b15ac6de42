//! The Lambda function `passkey-list`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::passkeys::passkey_list::OPERATION)
}
