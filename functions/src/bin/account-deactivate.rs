//! The Lambda function `account-deactivate`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::account_deactivate::OPERATION)
}
