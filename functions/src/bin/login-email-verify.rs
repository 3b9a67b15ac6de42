//! The Lambda function `login-email-verify`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::login::login_email_verify::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
