//! How a call fails: with an error of the service, or without any answer.

/// An error of a service.
#[derive(Debug, Clone)]
pub(crate) struct AwsError {
    pub(crate) status: u16,
    /// The exception's name.
    pub(crate) code: String,
    pub(crate) message: String,
    /// The whole body, for exceptions that carry more than a message.
    pub(crate) body: Option<String>,
}

impl AwsError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), body: None }
    }

    pub(crate) fn denied(message: String) -> Self {
        Self::new(400, "AccessDeniedException", message)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }
}

/// Why a caller gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionFailure {
    /// The connection broke after the call took effect.
    Lost,
    /// No answer came in time.
    Timeout,
    /// The local cloud has no such host.
    Unreachable,
}
