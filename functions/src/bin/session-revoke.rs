//! The Lambda function `session-revoke`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::sessions::session_revoke::OPERATION)
}
