//! The Lambda function `jwks`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::platform::jwks::OPERATION)
}
