//! The Lambda function `profile-get`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::profile_get::OPERATION)
}
