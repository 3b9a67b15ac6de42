//! The Lambda function `profile-get`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::profile_get::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
