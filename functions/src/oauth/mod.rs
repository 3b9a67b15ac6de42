//! OAuth 2.1 and OpenID Connect for apps.

mod answer;
mod authentication_time;
mod authorization_request;
mod browser;
mod claims;
mod client_authentication;
mod client_session;
mod code_grant;
mod cross_origin;
pub mod oauth_authorize;
pub mod oauth_logout;
pub mod oauth_revoke;
pub mod oauth_token;
pub mod oauth_userinfo;
mod refresh_grant;
mod tokens;
