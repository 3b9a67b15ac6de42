//! `$default`: every route that isn't one.

use std::sync::Arc;

use shared::{
    app::App,
    error::Error,
    http::{Request, Response},
    operation::Operation,
};

/// `not-found`
pub const OPERATION: Operation = Operation::http("not-found", &[], |app, request| Box::pin(handle(app, request)));

async fn handle(_app: Arc<App>, _request: Request) -> Result<Response, Error> {
    Err(Error::NotFound)
}
