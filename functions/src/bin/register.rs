//! The Lambda function `register`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::registration::register::OPERATION)
}
