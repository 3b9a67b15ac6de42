//! Every error that a client can see, with its code and status (API.md, "Error codes"), and the two that it cannot see into.

use std::fmt;

use ::http::StatusCode;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::Serialize;

/// One thing that is wrong with a request's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's path: `session.transport`.
    pub field: String,
    /// What it has to be, in words for a developer. Never repeats the value.
    pub message: String,
}

impl FieldError {
    /// An error in `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Why a request is not answered as it asked. One variant per code; the client learns the code and nothing that lies behind it.
#[derive(Debug, Clone)]
pub enum Error {
    /// The body, the query or a header isn't what API.md says.
    InvalidRequest(Vec<FieldError>),
    /// A new password breaks the policy; each entry names a rule that is not met.
    WeakPassword(Vec<FieldError>),
    /// A code, link, key or challenge is wrong, used, expired or another user's.
    InvalidCode,
    /// The identifier or the password is wrong.
    InvalidCredentials,
    /// The access or refresh token is missing, malformed, forged or expired.
    InvalidToken,
    /// The session that the token belongs to has ended.
    SessionRevoked,
    /// The proof of the user's presence is too old for this operation.
    ReauthenticationRequired,
    /// A cookie request without the session's CSRF token.
    CsrfFailed,
    /// The account is banned (said only after right credentials).
    AccountBanned,
    /// The deployment or the caller's rights don't allow it.
    Forbidden,
    /// No such thing, or not the caller's.
    NotFound,
    /// Already taken, or not possible in this state.
    Conflict(&'static str),
    /// The body is larger than 64 KiB.
    PayloadTooLarge,
    /// Too many requests; `retry_after` seconds until the next one counts.
    RateLimited {
        /// Seconds.
        retry_after: i64,
    },
    /// Too many failures against one credential; `retry_after` seconds until the next try.
    LockedOut {
        /// Seconds.
        retry_after: i64,
    },
    /// A dependency is down or throttling. A retry is safe. The text is for the log: no secret, no personal data.
    TemporarilyUnavailable(String),
    /// A dependency takes no more at this moment; to the caller the same as [`Error::TemporarilyUnavailable`].
    Throttled(String),
    /// Concurrent requests changed the same item until the retries were used up. A retry is safe, and no dependency is down. Names the
    /// call or the operation that gave up.
    Contended(&'static str),
    /// A defect. The text is for the log: no secret, no personal data.
    Internal(String),
}

impl Error {
    /// A defect, with what the log should say of it.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::Internal(what.into())
    }

    /// One wrong field.
    pub fn field(field: &str, message: &str) -> Self {
        Self::InvalidRequest(vec![FieldError::new(field, message)])
    }

    /// What an AWS call that failed means for the caller: 503, since a retry is safe and may help; a call that AWS calls
    /// malformed is our defect. Of the error itself only its code is kept, as its message may quote an item.
    pub fn aws<E, R>(action: &'static str, error: &SdkError<E, R>) -> Self
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
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidToken => "invalid_token",
            Self::SessionRevoked => "session_revoked",
            Self::ReauthenticationRequired => "reauthentication_required",
            Self::CsrfFailed => "csrf_failed",
            Self::AccountBanned => "account_banned",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict(_) => "conflict",
            Self::PayloadTooLarge => "payload_too_large",
            Self::RateLimited { .. } => "rate_limited",
            Self::LockedOut { .. } => "locked_out",
            Self::TemporarilyUnavailable(_) | Self::Throttled(_) | Self::Contended(_) => "temporarily_unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(_) | Self::WeakPassword(_) | Self::InvalidCode => StatusCode::BAD_REQUEST,
            Self::InvalidCredentials | Self::InvalidToken | Self::SessionRevoked => StatusCode::UNAUTHORIZED,
            Self::ReauthenticationRequired | Self::CsrfFailed | Self::AccountBanned | Self::Forbidden => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RateLimited { .. } | Self::LockedOut { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TemporarilyUnavailable(_) | Self::Throttled(_) | Self::Contended(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the problem says to a developer. It never says more than the caller may know.
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "The request is invalid. See errors.",
            Self::WeakPassword(_) => "The password does not meet the policy. See errors.",
            Self::InvalidCode => "The code, link or key is wrong, used or expired.",
            Self::InvalidCredentials => "The identifier or the password is wrong.",
            Self::InvalidToken => "The token is missing, invalid or expired.",
            Self::SessionRevoked => "The session has ended. Log in again.",
            Self::ReauthenticationRequired => "Reauthenticate, then repeat the request.",
            Self::CsrfFailed => "The X-CSRF-Token header is missing or does not match.",
            Self::AccountBanned => "This account is banned.",
            Self::Forbidden => "This request is not allowed.",
            Self::NotFound => "The resource was not found.",
            Self::Conflict(detail) => detail,
            Self::PayloadTooLarge => "The body is larger than 64 KiB.",
            Self::RateLimited { .. } => "Too many requests. Retry-After says how many seconds to wait.",
            Self::LockedOut { .. } => "Too many failed attempts. Retry-After says how many seconds to wait.",
            Self::TemporarilyUnavailable(_) | Self::Throttled(_) | Self::Contended(_) => {
                "The service is temporarily unavailable. A retry is safe."
            }
            Self::Internal(_) => "An internal error occurred. It was logged.",
        }
    }

    /// Logs what only the log may know, once, where the error is handled.
    pub fn log(&self, operation: &'static str, request_id: &str) {
        match self {
            Self::TemporarilyUnavailable(source) | Self::Throttled(source) => {
                tracing::warn!(operation, request_id, source, "a dependency is unavailable");
            }
            Self::Contended(source) => {
                tracing::info!(operation, request_id, source, "concurrent requests changed the same item")
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
            Self::Contended(source) => write!(formatter, "{}: {source}: contended", self.code()),
            _ => formatter.write_str(self.code()),
        }
    }
}

impl std::error::Error for Error {}
