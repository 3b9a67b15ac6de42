//! The Lambda function `profile-update`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::profile_update::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
