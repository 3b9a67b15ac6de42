//! The Lambda function `logout-all`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::sessions::logout_all::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
