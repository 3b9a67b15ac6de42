//! The Lambda function `token-refresh`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::tokens::token_refresh::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
