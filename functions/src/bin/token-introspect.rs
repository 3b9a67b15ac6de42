//! The Lambda function `token-introspect`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::tokens::token_introspect::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
