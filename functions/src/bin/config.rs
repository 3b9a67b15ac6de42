//! The Lambda function `config`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::platform::config::OPERATION)
}
