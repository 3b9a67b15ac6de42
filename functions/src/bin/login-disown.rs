//! The Lambda function `login-disown`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::login::login_disown::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
