//! The Lambda function `device-forget`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::sessions::device_forget::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
