//! Cross-origin requests from pages of OAuth clients (Fetch standard, "CORS protocol"). A preflight names no client, so the origins of
//! all clients count. The pages send no cookies, so no answer allows credentials.

use shared::{context::Context, error::Error, http::Response};

/// The routes that such pages call. Nothing else of `/oauth2` is called by a script.
pub(crate) const PATHS: [&str; 3] = ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"];

/// The origin of a request, if pages of it may read the answer.
pub(crate) struct ClientOrigin(Option<String>);

impl ClientOrigin {
    /// Reads the origins of all clients, if the request names one. An operation does this before its work, because a failure
    /// afterwards would lose its answer.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(crate) async fn of(context: Context<'_>) -> Result<Self, Error> {
        let Some(origin) = context.request.headers.get("origin").and_then(|origin| origin.to_str().ok()) else {
            return Ok(Self(None));
        };
        let origins = context.app.store.client_origins().await?;
        Ok(Self(origins.allow(origin).then(|| origin.to_owned())))
    }

    pub(crate) const fn is_allowed(&self) -> bool {
        self.0.is_some()
    }

    /// The answer, readable by the pages of an allowed origin.
    pub(crate) fn admit(&self, response: Response) -> Response {
        match &self.0 {
            Some(origin) => response
                .with_header("access-control-allow-origin", origin)
                .with_header("access-control-expose-headers", "www-authenticate, retry-after, x-request-id"),
            None => response,
        }
    }
}
