//! Answers that the pages of clients may read.

use shared::{context::Context, error::Error, http::Response};

use crate::auth::client_origin::ClientOrigin;

/// Lets the pages of clients read an answer, errors included.
///
/// # Errors
/// `temporarily_unavailable`; that of `work`, for a request that no client's page sent.
pub(super) async fn readable(
    context: Context<'_>,
    operation: &'static str,
    work: impl Future<Output = Result<Response, Error>>,
) -> Result<Response, Error> {
    let origin = ClientOrigin::of(context).await?;
    match work.await {
        Err(error) if origin.is_allowed() => {
            error.log(operation, &context.request.request_id);
            Ok(origin.admit(error.into_oauth_response()))
        }
        done => done.map(|response| origin.admit(response)),
    }
}
