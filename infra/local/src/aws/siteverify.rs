//! The captcha providers: reCAPTCHA, hCaptcha and Turnstile, as their public documentation describes `siteverify`.
//!
//! Nobody solves captchas here. An answer says itself what the provider replies:
//!
//! - `pass|<hostname>`, `pass|<hostname>|<action>` and `pass|<hostname>|<action>|<score>` are right, each text once;
//! - `error|<code>` is wrong, with this error code;
//! - `status|<status>`, `malformed`, `oversized` and `timeout` are faults of the provider.
//!
//! Any other answer is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use super::error::ConnectionFailure;
use crate::sync::lock;

/// The endpoints, and the error code of an answer that is used again.
const ENDPOINTS: [(&str, &str, &str); 3] = [
    ("www.google.com", "/recaptcha/api/siteverify", "timeout-or-duplicate"),
    ("api.hcaptcha.com", "/siteverify", "already-seen-response"),
    ("challenges.cloudflare.com", "/turnstile/v0/siteverify", "timeout-or-duplicate"),
];

/// The providers of a world.
#[derive(Debug, Default)]
pub(crate) struct Siteverify {
    used: Mutex<BTreeSet<String>>,
}

impl Siteverify {
    /// Whether a host is a provider's.
    pub(crate) fn has(host: &str) -> bool {
        ENDPOINTS.iter().any(|(provider, ..)| *provider == host)
    }

    /// Answers a request to a provider. `secret` is the value that the provider gave the site. `None` for another host.
    pub(crate) fn answer(
        &self,
        request: &Request<Bytes>,
        secret: Option<&str>,
    ) -> Option<Result<Response<Bytes>, ConnectionFailure>> {
        let host = request.uri().host()?;
        let (_, path, used_again) = ENDPOINTS.into_iter().find(|(provider, ..)| *provider == host)?;
        let is_form =
            request.headers().get(header::CONTENT_TYPE).is_some_and(|it| it == "application/x-www-form-urlencoded");
        if request.method() != Method::POST || request.uri().path() != path || !is_form {
            return Some(Ok(response(404, "not found")));
        }
        let form: BTreeMap<String, String> = form_urlencoded::parse(request.body()).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
        Some(match (field("secret"), field("response")) {
            (None, _) => Ok(wrong("missing-input-secret")),
            (sent, _) if sent != secret => Ok(wrong("invalid-input-secret")),
            (_, None) => Ok(wrong("missing-input-response")),
            (_, Some(answer)) => self.judge(answer, used_again),
        })
    }

    fn judge(&self, answer: &str, used_again: &str) -> Result<Response<Bytes>, ConnectionFailure> {
        let mut parts = answer.split('|');
        let kind = parts.next();
        Ok(match (kind, parts.next(), parts.next(), parts.next()) {
            (Some("pass"), Some(hostname), action, score) => {
                if !lock(&self.used).insert(answer.to_owned()) {
                    return Ok(wrong(used_again));
                }
                let mut right =
                    json!({ "success": true, "challenge_ts": "2026-01-01T00:00:00Z", "hostname": hostname });
                if let Some(action) = action {
                    right["action"] = json!(action);
                }
                if let Some(score) = score.and_then(|score| score.parse::<f64>().ok()) {
                    right["score"] = json!(score);
                }
                reply(&right)
            }
            (Some("error"), Some(code), ..) => wrong(code),
            (Some("status"), Some(status), ..) => response(status.parse().unwrap_or(500), "down"),
            (Some("malformed"), ..) => response(200, "<html>"),
            (Some("oversized"), ..) => {
                let padding = " ".repeat(1024 * 1024);
                response(200, &format!("{{\"success\": true, \"hostname\": \"localhost\"}}{padding}"))
            }
            (Some("timeout"), ..) => return Err(ConnectionFailure::Timeout),
            _ => wrong("invalid-input-response"),
        })
    }
}

fn wrong(code: &str) -> Response<Bytes> {
    reply(&json!({ "success": false, "error-codes": [code] }))
}

fn reply(value: &Value) -> Response<Bytes> {
    response(200, &value.to_string())
}

fn response(status: u16, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}
