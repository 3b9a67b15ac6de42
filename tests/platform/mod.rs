mod captcha_challenge;
mod config;
mod headers;
mod health;
mod jwks;
mod not_found;
mod openapi;
mod openid_configuration;
mod origin_secret;
mod well_known;

use crate::scenarios::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        captcha_challenge::scenarios(),
        config::scenarios(),
        health::scenarios(),
        jwks::scenarios(),
        not_found::scenarios(),
        openapi::scenarios(),
        openid_configuration::scenarios(),
        well_known::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
