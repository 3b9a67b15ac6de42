//! The Lambda function `csrf`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::tokens::csrf::OPERATION)
}
