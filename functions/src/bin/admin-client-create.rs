//! The Lambda function `admin-client-create`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::admin::admin_client_create::OPERATION)
}
