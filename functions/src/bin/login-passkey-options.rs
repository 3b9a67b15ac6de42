//! The Lambda function `login-passkey-options`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::login::login_passkey_options::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
