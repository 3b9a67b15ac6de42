//! The Lambda function `admin-client-list`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::admin::admin_client_list::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
