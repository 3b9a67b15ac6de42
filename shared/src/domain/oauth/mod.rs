//! OAuth 2.1 and OpenID Connect: clients, redirect URIs, scopes, claims.

pub mod claims;
pub mod client;
pub mod grant;
pub mod redirect_uri;
pub mod scope;
