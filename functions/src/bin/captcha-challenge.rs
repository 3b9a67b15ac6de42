//! The Lambda function `captcha-challenge`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::platform::captcha_challenge::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
