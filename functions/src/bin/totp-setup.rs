//! The Lambda function `totp-setup`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::mfa::totp_setup::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
