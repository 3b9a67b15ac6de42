//! The Lambda function `device-forget`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::sessions::device_forget::OPERATION)
}
