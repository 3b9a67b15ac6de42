//! The Lambda function `admin-client-get`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::admin::admin_client_get::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
