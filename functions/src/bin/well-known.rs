//! The Lambda function `well-known`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::platform::well_known::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
