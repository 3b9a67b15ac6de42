//! The Lambda function `admin-client-secret-delete`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::admin::admin_client_secret_delete::OPERATION)
}
