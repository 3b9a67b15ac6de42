//! The Lambda function `authorizer`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::tokens::authorizer::OPERATION)
}
