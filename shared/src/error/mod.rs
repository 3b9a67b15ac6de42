//! Every error that a client can see, with its code and status (docs/api.md, "Error codes"). The texts of internal
//! causes go only to the log.

mod oauth;

use std::fmt;

use ::http::StatusCode;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::Serialize;

pub use oauth::{OAuthError, Scheme};

/// One thing that is wrong with a request's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's path: `session.transport`.
    pub field: String,
    /// The rule that the value breaks, for a developer. Never repeats the value.
    pub message: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Why a request was refused. One variant per code. The client learns the code, never the cause.
#[derive(Debug, Clone)]
pub enum Error {
    /// The body, the query or a header does not match the API's contract.
    InvalidRequest(Vec<FieldError>),
    /// A new password breaks the policy. Each entry names a rule that is not met.
    WeakPassword(Vec<FieldError>),
    /// A code, link, key or challenge is wrong, used, expired or another user's.
    InvalidCode,
    /// A passkey that nobody has registered.
    UnknownCredential,
    /// The identifier or the password is wrong.
    InvalidCredentials,
    /// The access or refresh token is missing, malformed, forged or expired.
    InvalidToken,
    /// The session that the token belongs to has ended.
    SessionRevoked,
    /// The last authentication is too old or too weak for this operation.
    ReauthenticationRequired,
    /// A cookie request without the session's CSRF token.
    CsrfFailed,
    /// The request needs the answer to a captcha, and has none.
    CaptchaRequired,
    /// The answer to the captcha is wrong, used or expired.
    CaptchaFailed,
    /// The account is banned. Answered only after correct credentials.
    AccountBanned,
    /// The deployment or the caller's permissions do not allow it.
    Forbidden,
    /// The resource does not exist, or it is not the caller's.
    NotFound,
    /// The name is taken, or the state does not allow the change.
    Conflict(&'static str),
    /// The body is larger than 64 KiB.
    PayloadTooLarge,
    /// The body is not of the type that the route reads, or it is compressed.
    UnsupportedMediaType,
    /// Too many requests. The next one is possible in `retry_after` seconds.
    RateLimited {
        /// Seconds.
        retry_after: i64,
    },
    /// Too many failures against one credential. The next attempt is possible in `retry_after` seconds.
    LockedOut {
        /// Seconds.
        retry_after: i64,
    },
    /// A dependency is down or throttling. A retry is safe. The text is for the log: no secret, no personal data.
    TemporarilyUnavailable(String),
    /// A dependency throttles. The client gets the same answer as for [`Error::TemporarilyUnavailable`].
    Throttled(String),
    /// Concurrent requests contended for the same items until the retries were used up. A retry is safe, and no
    /// dependency is down.
    Contended(Contention),
    /// An OAuth endpoint refused the request.
    OAuth(OAuthError),
    /// A defect. The text is for the log: no secret, no personal data.
    Internal(String),
}

impl From<OAuthError> for Error {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

/// How concurrent requests contended for the same items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contention {
    /// What was loaded changed before it was committed. Loading again and repeating helps.
    LostRace,
    /// Other transactions held the items at every attempt.
    Conflict,
}

impl Contention {
    const fn as_str(self) -> &'static str {
        match self {
            Self::LostRace => "lost race",
            Self::Conflict => "conflict",
        }
    }
}

impl Error {
    /// A defect, with a text for the log.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::Internal(what.into())
    }

    pub fn field(field: &str, message: &str) -> Self {
        Self::InvalidRequest(vec![FieldError::new(field, message)])
    }

    /// The error for a failed AWS call: 503, because a retry is safe and may help. A call that AWS finds malformed is a
    /// defect.
    ///
    /// Only the code of the AWS error is kept, because its message may quote an item.
    pub fn aws<E, R>(action: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let code = match error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown"),
            SdkError::TimeoutError(_) => "timeout",
            SdkError::DispatchFailure(_) => "dispatch failure",
            SdkError::ResponseError(_) => "unreadable response",
            _ => "construction failure",
        };
        let what = format!("{action}: {code}");
        match code {
            "ValidationException" | "SerializationException" | "construction failure" => Self::Internal(what),
            "ThrottlingException" | "ProvisionedThroughputExceededException" | "RequestLimitExceeded" => {
                Self::Throttled(what)
            }
            _ => Self::TemporarilyUnavailable(what),
        }
    }

    /// The `code` that clients switch on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::WeakPassword(_) => "weak_password",
            Self::InvalidCode => "invalid_code",
            Self::UnknownCredential => "unknown_credential",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidToken => "invalid_token",
            Self::SessionRevoked => "session_revoked",
            Self::ReauthenticationRequired => "reauthentication_required",
            Self::CsrfFailed => "csrf_failed",
            Self::CaptchaRequired => "captcha_required",
            Self::CaptchaFailed => "captcha_failed",
            Self::AccountBanned => "account_banned",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict(_) => "conflict",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited { .. } => "rate_limited",
            Self::LockedOut { .. } => "locked_out",
            Self::TemporarilyUnavailable(_) | Self::Throttled(_) | Self::Contended(_) => "temporarily_unavailable",
            Self::OAuth(error) => error.code(),
            Self::Internal(_) => "internal",
        }
    }

    pub const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(_) | Self::WeakPassword(_) | Self::InvalidCode | Self::UnknownCredential => {
                StatusCode::BAD_REQUEST
            }
            Self::InvalidCredentials | Self::InvalidToken | Self::SessionRevoked => StatusCode::UNAUTHORIZED,
            Self::ReauthenticationRequired
            | Self::CsrfFailed
            | Self::CaptchaRequired
            | Self::CaptchaFailed
            | Self::AccountBanned
            | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited { .. } | Self::LockedOut { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TemporarilyUnavailable(_) | Self::Throttled(_) | Self::Contended(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::OAuth(error) => error.status(),
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The problem's text for a developer. It reveals nothing that the caller may not know.
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "The request is invalid. See errors.",
            Self::WeakPassword(_) => "The password does not meet the policy. See errors.",
            Self::InvalidCode => "The code, link or key is wrong, used or expired.",
            Self::UnknownCredential => "Nobody has registered this passkey.",
            Self::InvalidCredentials => "The identifier or the password is wrong.",
            Self::InvalidToken => "The token is missing, invalid or expired.",
            Self::SessionRevoked => "The session has ended. Log in again.",
            Self::ReauthenticationRequired => "Reauthenticate, then repeat the request.",
            Self::CsrfFailed => "The X-CSRF-Token header is missing or does not match.",
            Self::CaptchaRequired => "The request needs the answer to a captcha. See GET /v1/captcha.",
            Self::CaptchaFailed => "The answer to the captcha is wrong, used or expired. Get another captcha.",
            Self::AccountBanned => "This account is banned.",
            Self::Forbidden => "This request is not allowed.",
            Self::NotFound => "The resource was not found.",
            Self::Conflict(detail) => detail,
            Self::PayloadTooLarge => "The body is larger than 64 KiB.",
            Self::UnsupportedMediaType => {
                "The body must be application/json (form routes: application/x-www-form-urlencoded), without a Content-Encoding."
            }
            Self::RateLimited { .. } => "Too many requests. Retry-After says how many seconds to wait.",
            Self::LockedOut { .. } => "Too many failed attempts. Retry-After says how many seconds to wait.",
            Self::TemporarilyUnavailable(_) | Self::Throttled(_) | Self::Contended(_) => {
                "The service is temporarily unavailable. A retry is safe."
            }
            Self::OAuth(error) => error.description(),
            Self::Internal(_) => "An internal error occurred. It was logged.",
        }
    }

    /// The seconds after which a repetition may succeed, for `Retry-After`.
    pub const fn retry_after(&self) -> Option<i64> {
        match self {
            Self::RateLimited { retry_after } | Self::LockedOut { retry_after } => Some(*retry_after),
            Self::TemporarilyUnavailable(_) | Self::Throttled(_) | Self::Contended(_) => Some(1),
            _ => None,
        }
    }

    /// Logs the cause, once, where the error is handled. Other errors have no cause that the client does not see.
    pub fn log(&self, operation: &'static str, request_id: &str) {
        match self {
            Self::TemporarilyUnavailable(source) | Self::Throttled(source) => {
                tracing::warn!(operation, request_id, source, "a dependency is unavailable");
            }
            Self::Contended(source) => {
                tracing::info!(
                    operation,
                    request_id,
                    source = source.as_str(),
                    "concurrent requests changed the same item"
                )
            }
            Self::Internal(source) => tracing::error!(operation, request_id, source, "internal error"),
            _ => {}
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TemporarilyUnavailable(source) | Self::Throttled(source) | Self::Internal(source) => {
                write!(formatter, "{}: {source}", self.code())
            }
            Self::Contended(source) => write!(formatter, "{}: {}", self.code(), source.as_str()),
            _ => formatter.write_str(self.code()),
        }
    }
}

impl std::error::Error for Error {}
