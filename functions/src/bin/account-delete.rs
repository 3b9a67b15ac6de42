//! The Lambda function `account-delete`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::account_delete::OPERATION)
}
