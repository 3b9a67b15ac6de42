//! The Lambda function `login-passkey-verify`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::login::login_passkey_verify::OPERATION)
}
