//! The Lambda function `logout-all`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::sessions::logout_all::OPERATION)
}
