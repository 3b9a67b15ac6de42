//! The Lambda function `login-disown`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::login::login_disown::OPERATION)
}
