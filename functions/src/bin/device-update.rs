//! The Lambda function `device-update`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::sessions::device_update::OPERATION)
}
