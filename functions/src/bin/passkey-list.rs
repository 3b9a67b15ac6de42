//! The Lambda function `passkey-list`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::passkeys::passkey_list::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
