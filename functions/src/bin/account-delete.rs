//! The Lambda function `account-delete`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::account_delete::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
