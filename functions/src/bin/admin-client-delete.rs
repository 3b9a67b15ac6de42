//! The Lambda function `admin-client-delete`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::admin::admin_client_delete::OPERATION)
}
