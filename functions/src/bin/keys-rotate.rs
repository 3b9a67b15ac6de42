//! The Lambda function `keys-rotate`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::workers::keys_rotate::OPERATION)
}
