//! The check of answers by reCAPTCHA, hCaptcha and Turnstile. All three take the same form at their `siteverify` endpoint, and answer
//! with the same JSON object.

use std::time::Duration;

use serde::Deserialize;
use shared::{
    aws::outbound::{self, Bounds, Outgoing},
    context::Context,
    domain::captcha::CaptchaProvider,
    error::Error,
    fields::form,
};

/// The longest answer that is sent to a provider, in bytes. Documented ones have at most some thousand.
const MAX_ANSWER: usize = 16 * 1024;

/// The bounds of a provider's answer.
const BOUNDS: Bounds = Bounds { within: Duration::from_secs(3), bytes: 16 * 1024 };

/// The lowest score of reCAPTCHA v3 that counts as a person, as Google recommends.
const MIN_SCORE: f64 = 0.5;

/// What a provider says of an answer.
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// The provider did not say. The text is for the log.
    Unknown(String),
}

/// The answer of a provider.
#[derive(Deserialize)]
struct Reply {
    success: bool,
    /// The host of the page that showed the captcha.
    hostname: Option<String>,
    /// The action that the page named. reCAPTCHA v3 and Turnstile send it.
    action: Option<String>,
    /// reCAPTCHA v3: how likely the client is a person.
    score: Option<f64>,
    #[serde(default, rename = "error-codes")]
    error_codes: Vec<String>,
}

/// Asks a provider whether an answer is right. The page with the captcha must be of this service or of an allowed origin.
///
/// # Errors
/// `temporarily_unavailable` without the secret or the public URL; `internal` without an HTTP client.
pub(crate) async fn verify(
    context: Context<'_>,
    provider: CaptchaProvider,
    action: &str,
    answer: &str,
) -> Result<Verdict, Error> {
    let Context { app, request } = context;
    let (Some(endpoint), Some(name)) = (provider.endpoint(), &app.config.captcha_secret) else {
        return Err(Error::internal("the captcha's provider has no endpoint or no secret"));
    };
    if answer.len() > MAX_ANSWER {
        return Ok(Verdict::Wrong);
    }
    let (secret, url) = futures::future::try_join(app.keyring.captcha_secret(name), app.public_url()).await?;
    let ip = request.client.ip.to_string();
    let outgoing = Outgoing {
        method: "POST",
        origin: endpoint.origin.to_owned(),
        path: endpoint.path.to_owned(),
        content_type: Some("application/x-www-form-urlencoded"),
        headers: Vec::new(),
        body: form::encode(&[("secret", secret.expose()), ("response", answer), ("remoteip", &ip)]),
    };
    let (status, body) = match outbound::send(app.http_client()?, outgoing, BOUNDS).await {
        Ok(answered) => answered,
        Err(error) => return Ok(Verdict::Unknown(error.to_string())),
    };
    let pages = std::iter::once(url.as_str()).chain(app.config.allowed_origins.iter().map(String::as_str));
    let hosts: Vec<&str> = pages.filter_map(host).collect();
    Ok(match serde_json::from_slice(&body) {
        Ok(reply) if status < 500 => judge(&reply, provider, action, &hosts),
        // What the client sent, such as a token that is too long, must not count as an outage.
        _ if matches!(status, 400 | 413 | 414 | 431) => Verdict::Wrong,
        _ => Verdict::Unknown(format!("status {status}")),
    })
}

fn judge(reply: &Reply, provider: CaptchaProvider, action: &str, hosts: &[&str]) -> Verdict {
    // Faults of this deployment or of the provider. No answer of a client causes them.
    let is_ours = |code: &&String| code.ends_with("-input-secret") || *code == "internal-error";
    if let Some(code) = reply.error_codes.iter().find(is_ours).filter(|_| !reply.success) {
        return Verdict::Unknown(code.clone());
    }
    let of_page = reply.hostname.as_deref().is_some_and(|sent| hosts.contains(&sent));
    let of_route = reply.action.as_deref().is_none_or(|sent| sent.is_empty() || sent == action);
    let scored = provider == CaptchaProvider::Recaptcha;
    let of_person = reply.score.filter(|_| scored).is_none_or(|score| score >= MIN_SCORE);
    if reply.success && of_page && of_route && of_person { Verdict::Right } else { Verdict::Wrong }
}

/// The host of an origin, without its port.
fn host(origin: &str) -> Option<&str> {
    let (_, authority) = origin.split_once("://")?;
    Some(match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    })
}
