//! The Lambda function `identity-link`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::identity_link::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
