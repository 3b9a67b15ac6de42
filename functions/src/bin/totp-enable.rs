//! The Lambda function `totp-enable`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::mfa::totp_enable::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
