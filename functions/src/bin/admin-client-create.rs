//! The Lambda function `admin-client-create`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::admin::admin_client_create::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
