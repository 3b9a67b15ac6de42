//! The Lambda function `token-refresh`.

fn main() -> Result<(), shared::runtime::RuntimeError> {
    shared::runtime::run(functions::tokens::token_refresh::OPERATION)
}
