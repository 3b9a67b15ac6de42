//! The Lambda function `cleanup`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::workers::cleanup::OPERATION)
}
