//! The Lambda function `identity-link`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::identity_link::OPERATION)
}
