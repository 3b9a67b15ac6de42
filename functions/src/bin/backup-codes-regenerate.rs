//! The Lambda function `backup-codes-regenerate`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::mfa::backup_codes_regenerate::OPERATION)
}
