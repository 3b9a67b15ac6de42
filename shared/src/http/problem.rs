//! Errors as problem answers (RFC 9457).

use serde::Serialize;

use crate::{
    error::{Error, FieldError},
    http::{AnswerContext, Response},
};

impl Error {
    /// The error as an `application/problem+json` answer.
    pub fn into_response(self, context: &AnswerContext) -> Response {
        #[derive(Serialize)]
        struct Problem<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            code: &'a str,
            detail: &'a str,
            request_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            errors: Option<&'a [FieldError]>,
        }
        let status = self.status();
        let errors = match &self {
            Self::InvalidRequest(errors) | Self::WeakPassword(errors) => Some(errors.as_slice()),
            _ => None,
        };
        let problem = Problem {
            r#type: format!("urn:latchkey:error:{}", self.code()),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code: self.code(),
            detail: self.detail(),
            request_id: &context.request_id,
            errors,
        };
        let mut response = Response::json(status, &problem).with_content_type("application/problem+json");
        response.code = Some(self.code());
        if let Some(seconds) = self.retry_after() {
            response = response.with_header("retry-after", &seconds.to_string());
        }
        match self {
            // RFC 9110, section 15.5.2, and RFC 6750, section 3: a 401 names the authentication scheme.
            Self::InvalidToken | Self::SessionRevoked => {
                response.with_header("www-authenticate", "Bearer error=\"invalid_token\"")
            }
            Self::InvalidCredentials => response.with_header("www-authenticate", "Bearer"),
            _ => response,
        }
    }
}
