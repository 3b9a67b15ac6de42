//! The Lambda function `passkey-remove`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::passkeys::passkey_remove::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
