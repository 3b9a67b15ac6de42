//! The Lambda function `activity-list`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::activity_list::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
