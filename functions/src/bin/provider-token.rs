//! The Lambda function `provider-token`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::providers::provider_token::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
