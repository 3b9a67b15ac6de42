//! The Lambda function `session-revoke`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::sessions::session_revoke::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
