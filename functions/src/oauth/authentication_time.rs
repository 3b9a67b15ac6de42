//! `ctx`: the signed time of an authorization request. It goes with the browser to `/login` and back, so that a login after it
//! satisfies `prompt=login` and `max_age`, and the request does not ask again.

use shared::{
    app::App,
    clock::Timestamp,
    crypto::{
        key::{Key, KeyPurpose},
        secret::{constant_time_eq, hmac, unkeyed_hash},
    },
    error::Error,
    fields::form,
    http::Parameters,
};

/// The parameter's name.
pub(super) const CTX: &str = "ctx";

/// Milliseconds that a login may take.
const MAX_AGE_MILLIS: i64 = 3_600_000;

/// The request that a `ctx` belongs to: every parameter except `ctx` itself and the CSRF token of the page. So the `ctx` of an old request is
/// worth nothing for a new one, which has another PKCE challenge.
fn fingerprint(parameters: &Parameters) -> String {
    unkeyed_hash(form::encode(&parameters.without(&[CTX, super::oauth_authorize::CSRF])).as_bytes())
}

fn signature(key: &Key, millis: i64, parameters: &Parameters) -> String {
    let mac =
        hmac(key.bytes(), &[b"latchkey/authorize/ctx", &millis.to_be_bytes(), fingerprint(parameters).as_bytes()]);
    unkeyed_hash(&mac)
}

/// The time that the request's `ctx` has, if this service signed it for this request and it is not too old.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(super) async fn of(app: &App, parameters: &Parameters) -> Result<Option<Timestamp>, Error> {
    let Some((millis, sent)) = parameters.get(CTX).and_then(|ctx| ctx.split_once('.')) else { return Ok(None) };
    let Ok(millis) = millis.parse::<i64>() else { return Ok(None) };
    let now = app.clock.now().millis();
    if millis > now || now - millis > MAX_AGE_MILLIS {
        return Ok(None);
    }
    let keys = app.keyring.get(KeyPurpose::Csrf).await?;
    let is_ours =
        keys.all().iter().any(|key| constant_time_eq(signature(key, millis, parameters).as_bytes(), sent.as_bytes()));
    Ok(is_ours.then(|| Timestamp::from_millis(millis)))
}

/// The `ctx` of a request for a time.
///
/// # Errors
/// As [`of`].
pub(super) async fn sign(app: &App, parameters: &Parameters, at: Timestamp) -> Result<String, Error> {
    let keys = app.keyring.get(KeyPurpose::Csrf).await?;
    Ok(format!("{}.{}", at.millis(), signature(keys.newest(), at.millis(), parameters)))
}
