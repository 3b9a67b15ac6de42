//! The Lambda function `account-export`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::account_export::OPERATION)
}
