//! The Lambda function `login-mfa`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::login::login_mfa::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
