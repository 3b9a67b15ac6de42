//! The Lambda function `reauthenticate`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::reauthentication::reauthenticate::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
