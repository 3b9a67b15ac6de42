//! OAuth 2.1 and OpenID Connect: clients, redirect URIs, scopes.

pub mod client;
pub mod redirect_uri;
pub mod scope;
