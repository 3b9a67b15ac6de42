//! The Lambda function `admin-client-update`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::admin::admin_client_update::OPERATION)
}
