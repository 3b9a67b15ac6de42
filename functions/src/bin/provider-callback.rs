//! The Lambda function `provider-callback`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::providers::provider_callback::OPERATION)
}
