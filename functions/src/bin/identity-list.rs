//! The Lambda function `identity-list`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::identity_list::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
