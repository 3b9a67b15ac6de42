//! The Lambda function `admin-client-update`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::admin::admin_client_update::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
