//! The Lambda function `login-passkey-verify`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::login::login_passkey_verify::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
