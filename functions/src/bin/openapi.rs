//! The Lambda function `openapi`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::platform::openapi::OPERATION)
}
