//! The Lambda function `provider-start`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::providers::provider_start::OPERATION)
}
