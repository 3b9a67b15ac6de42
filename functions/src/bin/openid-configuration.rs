//! The Lambda function `openid-configuration`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::platform::openid_configuration::OPERATION)
}
