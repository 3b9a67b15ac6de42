//! The Lambda function `admin-client-list`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::admin::admin_client_list::OPERATION)
}
