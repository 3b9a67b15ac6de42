//! The Lambda function `openid-configuration`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::platform::openid_configuration::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
