//! The errors of OAuth's endpoints (RFC 6749, section 5.2; RFC 6750, section 3.1; RFC 7009, section 2.2.1).

use ::http::StatusCode;

/// Why a request to one of the `/oauth2/*` routes was refused. The texts are for a developer, and name nothing that a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthError {
    /// A parameter is missing, malformed or repeated.
    InvalidRequest(&'static str),
    /// The client is unknown, or did not authenticate as it must. `Basic` says that it tried HTTP Basic.
    InvalidClient(Scheme),
    /// The code, refresh token, verifier or redirect URI is wrong, used, expired or another client's.
    InvalidGrant,
    /// A refresh asks for a scope that the grant does not have.
    InvalidScope,
    UnsupportedGrantType,
    /// The access token is missing.
    MissingToken,
    /// The access token is malformed, forged or expired, or its session has ended.
    InvalidToken,
    /// The access token lacks the scope of the route.
    InsufficientScope,
}

/// How a client sent its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Basic,
    /// In the form, or not at all.
    Form,
}

impl OAuthError {
    /// The value of `error`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient(_) => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::MissingToken | Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }

    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient(_) | Self::MissingToken | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::InvalidRequest(_) | Self::InvalidGrant | Self::InvalidScope | Self::UnsupportedGrantType => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    /// The value of `error_description`.
    pub const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest(what) => what,
            Self::InvalidClient(_) => "The client is unknown, or did not authenticate.",
            Self::InvalidGrant => "The code or token is wrong, used, expired or another client's.",
            Self::InvalidScope => "The grant does not have this scope.",
            Self::UnsupportedGrantType => "The grant types are authorization_code and refresh_token.",
            Self::MissingToken => "The access token is missing.",
            Self::InvalidToken => "The access token is invalid or expired, or its session has ended.",
            Self::InsufficientScope => "The access token lacks the scope of this route.",
        }
    }

    /// The value of `WWW-Authenticate`, where the answer has one. A request without credentials gets no error code (RFC 6750, section 3.1).
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::InvalidClient(Scheme::Basic) => Some("Basic realm=\"latchkey\""),
            Self::MissingToken => Some("Bearer"),
            Self::InvalidToken => Some("Bearer error=\"invalid_token\""),
            Self::InsufficientScope => Some("Bearer error=\"insufficient_scope\", scope=\"openid\""),
            _ => None,
        }
    }
}
