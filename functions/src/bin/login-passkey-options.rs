//! The Lambda function `login-passkey-options`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::login::login_passkey_options::OPERATION)
}
