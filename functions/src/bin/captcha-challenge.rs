//! The Lambda function `captcha-challenge`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::platform::captcha_challenge::OPERATION)
}
