//! The Lambda function `session-list`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::sessions::session_list::OPERATION)
}
