//! The Lambda function `account-deactivate`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::account_deactivate::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
