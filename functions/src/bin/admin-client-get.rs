//! The Lambda function `admin-client-get`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::admin::admin_client_get::OPERATION)
}
