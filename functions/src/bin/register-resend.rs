//! The Lambda function `register-resend`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::registration::register_resend::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
