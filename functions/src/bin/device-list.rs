//! The Lambda function `device-list`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::sessions::device_list::OPERATION)
}
