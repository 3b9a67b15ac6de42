//! Sign-in providers: what a deployment configures of each, which of its servers are called, and what a login by it leads to.

mod address;
mod configuration;
mod decision;

pub(in crate::domain) use address::is_public_domain;
pub use address::{Hosts, ProviderUrl};
pub use configuration::{AppleKey, ClientSecret, Listed, Preset, Provider, Providers, Service};
pub use decision::{AddressHere, Claimed, Decision, decide};

/// The `amr` value of a session that a provider began. RFC 8176 has none; `fed` is what others use for federation.
pub const FEDERATED_AMR: &str = "fed";

/// Declares every error once: its variant, and the value of `error` at the login page.
macro_rules! login_errors {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal;)+) => {
        /// Why a browser comes back to the login page from a provider. The provider's own text never gets there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum LoginError {
            $($(#[doc = $doc])+ $name,)+
        }

        impl LoginError {
            /// The value of `error` in the query of the login page.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $value,)+
                }
            }
        }
    };
}

login_errors! {
    /// The user, or the provider, refused.
    AccessDenied = "access_denied";
    /// The request of the browser is malformed.
    InvalidRequest = "invalid_request";
    /// The state is unknown, used, expired, or another browser's or provider's.
    InvalidState = "invalid_state";
    /// The provider's answer has a wrong ID token or claim.
    InvalidResponse = "invalid_response";
    /// The provider is down, slow or limits this service.
    ProviderUnavailable = "provider_unavailable";
    /// The user must log in another way first, and may link the identity then.
    LinkRequired = "link_required";
    /// The identity has no account, and nobody can create one.
    SignUpClosed = "sign_up_closed";
    /// The account is banned.
    AccountBanned = "account_banned";
    /// The identity is linked to another account.
    IdentityInUse = "identity_in_use";
    /// The account has an identity of this provider.
    AlreadyLinked = "already_linked";
}

impl LoginError {
    /// Whether the error says something about an account. Such a refusal is in the audit log of that account.
    pub const fn concerns_account(self) -> bool {
        matches!(self, Self::AccountBanned | Self::IdentityInUse | Self::AlreadyLinked)
    }
}
