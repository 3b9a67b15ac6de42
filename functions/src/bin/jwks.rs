//! The Lambda function `jwks`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::platform::jwks::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
