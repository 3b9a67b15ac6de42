//! Code that several operations share. It knows no operation and no area.

pub(crate) mod access_token;
pub(crate) mod caller;
pub(crate) mod captcha;
pub(crate) mod client_origin;
pub(crate) mod continuation_token;
pub(crate) mod csrf;
pub(crate) mod identify;
pub(crate) mod identity;
pub(crate) mod limits;
pub(crate) mod mailed_code;
pub(crate) mod mfa;
pub(crate) mod new_account;
pub(crate) mod password;
pub(crate) mod provider_request;
pub(crate) mod session;
pub(crate) mod siteverify;
pub(crate) mod sweep;
pub(crate) mod user;
pub(crate) mod way_in;
