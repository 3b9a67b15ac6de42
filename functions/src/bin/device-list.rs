//! The Lambda function `device-list`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::sessions::device_list::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
