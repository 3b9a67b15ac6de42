//! The Lambda function `activity-list`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::account::activity_list::OPERATION)
}
