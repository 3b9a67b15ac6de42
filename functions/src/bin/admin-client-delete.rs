//! The Lambda function `admin-client-delete`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::admin::admin_client_delete::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
