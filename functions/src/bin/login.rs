//! The Lambda function `login`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::login::login::OPERATION)
}
