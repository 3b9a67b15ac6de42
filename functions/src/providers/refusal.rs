//! Why a login by a provider ends, and the way back to the login page.

use shared::{
    domain::{continue_path::ContinuePath, provider::LoginError},
    error::Error,
    fields::form,
    providers::Failure,
};

use crate::auth::mfa::pending_login::MfaRequired;

/// Why a login ends.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The browser goes back to the login page, which explains it.
    ToLogin(LoginError),
    /// The service failed, or refuses the request itself.
    Failed(Error),
}

impl From<LoginError> for Refusal {
    fn from(error: LoginError) -> Self {
        Self::ToLogin(error)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The error of a failed conversation.
pub(super) const fn of_failure(failure: &Failure) -> LoginError {
    match failure {
        Failure::Unavailable(_) => LoginError::ProviderUnavailable,
        Failure::InvalidResponse(_) => LoginError::InvalidResponse,
    }
}

/// The login page with an error, from where the user may go on to `continue`.
pub(super) fn login_page(error: LoginError, continue_path: &ContinuePath) -> String {
    page("/login", &[("error", error.as_str())], continue_path)
}

/// The page that asks for the second factor.
pub(super) fn second_factor_page(asked: &MfaRequired, continue_path: &ContinuePath) -> String {
    page("/login/mfa", &[("methods", &asked.methods())], continue_path)
}

fn page(path: &str, parameters: &[(&str, &str)], continue_path: &ContinuePath) -> String {
    let all: Vec<(&str, &str)> =
        parameters.iter().copied().chain(std::iter::once(("continue", continue_path.as_str()))).collect();
    format!("{path}?{}", form::encode(&all))
}
