//! The Lambda function `register-verify`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::registration::register_verify::OPERATION)
}
