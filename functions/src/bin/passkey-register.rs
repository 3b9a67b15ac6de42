//! The Lambda function `passkey-register`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::passkeys::passkey_register::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
