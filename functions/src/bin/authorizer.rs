//! The Lambda function `authorizer`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::tokens::authorizer::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
