//! The Lambda function `provider-start`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::providers::provider_start::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
