//! The Lambda function `identity-list`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::identity_list::OPERATION)
}
