//! The Lambda function `identity-unlink`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::identity_unlink::OPERATION)
}
