//! The Lambda function `totp-disable`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::mfa::totp_disable::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
