//! The end of a login by a provider.

use crate::auth::{mfa::pending_login::MfaRequired, session::response::Authenticated};

/// How a login by a provider ends.
pub(super) enum Outcome {
    SignedIn(Box<Authenticated>),
    /// As `SignedIn`, with a new account.
    Created(Box<Authenticated>),
    SecondFactor(MfaRequired),
}
