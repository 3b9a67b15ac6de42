//! The Lambda function `passkey-signal`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::passkeys::passkey_signal::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
