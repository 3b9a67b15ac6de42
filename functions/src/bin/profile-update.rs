//! The Lambda function `profile-update`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::profile_update::OPERATION)
}
