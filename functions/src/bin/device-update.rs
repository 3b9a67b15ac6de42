//! The Lambda function `device-update`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::sessions::device_update::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
