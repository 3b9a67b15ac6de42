//! The Lambda function `reauthenticate`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::reauthentication::reauthenticate::OPERATION)
}
