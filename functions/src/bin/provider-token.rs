//! The Lambda function `provider-token`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::providers::provider_token::OPERATION)
}
