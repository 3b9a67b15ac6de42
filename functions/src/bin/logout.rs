//! The Lambda function `logout`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::tokens::logout::OPERATION)
}
