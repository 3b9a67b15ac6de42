//! The Lambda function `provider-callback`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::providers::provider_callback::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
