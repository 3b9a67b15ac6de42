//! The Lambda function `passkey-update`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::passkeys::passkey_update::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
