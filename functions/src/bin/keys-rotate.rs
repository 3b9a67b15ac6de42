//! The Lambda function `keys-rotate`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::workers::keys_rotate::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
