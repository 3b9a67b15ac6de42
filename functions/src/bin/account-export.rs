//! The Lambda function `account-export`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::account_export::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
