//! The Lambda function `not-found`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::platform::not_found::OPERATION)
}
