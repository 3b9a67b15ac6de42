//! The Lambda function `backup-codes-regenerate`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::mfa::backup_codes_regenerate::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
