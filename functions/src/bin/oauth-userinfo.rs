//! The Lambda function `oauth-userinfo`.

use shared::{operation::Operation, runtime};

const OPERATION: Operation = functions::oauth::oauth_userinfo::OPERATION.without_contract();

fn main() -> Result<(), runtime::RuntimeError> {
    runtime::run(OPERATION)
}
