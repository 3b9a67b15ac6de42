//! The Lambda function `logout`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::sessions::logout::OPERATION)
}
