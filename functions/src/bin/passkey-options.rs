//! The Lambda function `passkey-options`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::passkeys::passkey_options::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
