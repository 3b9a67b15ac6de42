//! The Lambda function `identity-unlink`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::account::identity_unlink::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
