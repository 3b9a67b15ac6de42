//! The Lambda function `login-email`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::login::login_email::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
