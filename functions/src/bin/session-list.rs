//! The Lambda function `session-list`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::sessions::session_list::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
