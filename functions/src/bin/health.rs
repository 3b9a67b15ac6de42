//! The Lambda function `health`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::platform::health::OPERATION)
}
