//! The Lambda function `well-known`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::platform::well_known::OPERATION)
}
