//! The Lambda function `token-introspect`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::tokens::token_introspect::OPERATION)
}
