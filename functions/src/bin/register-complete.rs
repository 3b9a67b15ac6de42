//! The Lambda function `register-complete`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::registration::register_complete::OPERATION)
}
