//! Errors as OAuth's endpoints answer them: `{error, error_description}` (RFC 6749, section 5.2).

use serde::Serialize;

use crate::{
    error::{Error, OAuthError},
    http::Response,
};

impl Error {
    /// The error as the JSON answer of an OAuth endpoint.
    pub fn into_oauth_response(self) -> Response {
        #[derive(Serialize)]
        struct Answer<'a> {
            error: &'a str,
            error_description: &'a str,
        }
        let status = self.status();
        let (error, error_description) = match &self {
            Self::OAuth(error) => (error.code(), error.description()),
            // RFC 6749 has no code for these two at this endpoint. Its codes for redirects fit.
            Self::Internal(_) => ("server_error", self.detail()),
            _ => (self.code(), self.detail()),
        };
        let mut response =
            Response::json(status, &Answer { error, error_description }).with_header("pragma", "no-cache");
        response.code = Some(self.code());
        if let Self::OAuth(error) = &self
            && let Some(challenge) = OAuthError::challenge(*error)
        {
            response = response.with_header("www-authenticate", challenge);
        }
        match self.retry_after() {
            Some(seconds) => response.with_header("retry-after", &seconds.to_string()),
            None => response,
        }
    }
}
