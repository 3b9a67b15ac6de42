//! The Lambda function `pages`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::pages::pages::OPERATION)
}
