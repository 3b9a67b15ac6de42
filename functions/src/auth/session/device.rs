//! The device of a login: whether it is recognised, and its stored entry.

use shared::{
    app::App,
    clock::Timestamp,
    context::Context,
    crypto::{
        device_token::DeviceToken,
        key::{KeyPurpose, KeySet},
        lookup_hash::{Subject, lookup_hash, raw},
        secret::constant_time_eq,
    },
    domain::{account::Status, geo_location::GeoLocation, ids::DeviceId, network, session::SessionOptions},
    error::Error,
    http::{Cookie, Request},
    store::{Account, Device, DeviceLogin, UserQuery},
};

use crate::auth::{caller::Caller, session::subject::SignInSubject};

/// The device token in the request's body or cookie, if this service issued it.
pub(crate) fn presented(index: &KeySet, request: &Request, options: &SessionOptions) -> Option<DeviceToken> {
    let in_body = options.device_token.as_ref().map(|token| token.0.as_str());
    in_body.or_else(|| request.cookie(Cookie::Device)).and_then(|token| DeviceToken::parse(index, token))
}

/// A device as a request presents it.
#[derive(Clone, Copy)]
pub(crate) struct PresentedDevice<'a> {
    pub(crate) index: &'a KeySet,
    pub(crate) token: &'a DeviceToken,
    pub(crate) options: &'a SessionOptions,
}

impl PresentedDevice<'_> {
    /// Whether the account recognises the presented device. A client with another fingerprint than the device's is not
    /// recognised, because its token was copied.
    pub(crate) fn is_recognised(&self, app: &App, account: &Account, device: &Device) -> bool {
        let hash = self.token.hash(self.index);
        let same_token =
            device.token_hash.as_ref().is_some_and(|known| constant_time_eq(known.as_bytes(), hash.as_bytes()));
        let sent = fingerprint_hash(self.index, account, self.options);
        let other_fingerprint = device.fingerprint_hash.as_ref().zip(sent).is_some_and(|(known, sent)| *known != sent);
        device.state.is_recognised(account.device_epoch, app.clock.now()) && same_token && !other_fingerprint
    }
}

/// The device of a token with the token, if the account recognises it.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn load_recognised(
    app: &App,
    account: &Account,
    token: Option<DeviceToken>,
    options: &SessionOptions,
) -> Result<Option<(Device, DeviceToken)>, Error> {
    let Some(token) = token.filter(|token| token.user_id == account.id) else { return Ok(None) };
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let device = app.store.device(&account.id, &token.device_id).await?;
    let presented = PresentedDevice { index: &index, token: &token, options };
    let recognised = device.filter(|device| presented.is_recognised(app, account, device));
    Ok(recognised.zip(Some(token)))
}

/// The presented device token, if its account still recognises the device. A token that this service issued is not enough, because
/// anybody can collect tokens of devices that are forgotten by now.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn recognised(
    app: &App,
    index: &KeySet,
    request: &Request,
    options: &SessionOptions,
) -> Result<Option<DeviceToken>, Error> {
    let Some(token) = presented(index, request, options) else { return Ok(None) };
    let query = UserQuery { without_salt: true, ..UserQuery::ACCOUNT };
    let account = app.store.load(&token.user_id, query);
    let device = app.store.device(&token.user_id, &token.device_id);
    let (record, device) = futures::future::try_join(account, device).await?;
    let account = record.account.filter(|account| account.status != Status::Banned);
    let recognised = account.zip(device).is_some_and(|(account, device)| {
        PresentedDevice { index, token: &token, options }.is_recognised(app, &account, &device)
    });
    Ok(recognised.then_some(token))
}

/// As [`recognised`], for requests that have the device token only in their cookie.
///
/// # Errors
/// As [`recognised`].
pub(crate) async fn recognised_by_cookie(
    app: &App,
    index: &KeySet,
    request: &Request,
) -> Result<Option<DeviceToken>, Error> {
    recognised(app, index, request, &SessionOptions::default()).await
}

/// A client's fingerprint of its device, bound to the account.
fn fingerprint(account: &Account, options: &SessionOptions) -> Option<Vec<u8>> {
    let sent = options.device_fingerprint.as_ref()?;
    Some([account.id.bytes().as_slice(), sent.0.as_bytes()].concat())
}

/// The keyed hash of a client's fingerprint.
fn fingerprint_hash(index: &KeySet, account: &Account, options: &SessionOptions) -> Option<String> {
    fingerprint(account, options).map(|value| lookup_hash(index, Subject::Fingerprint, &value))
}

/// The time until which a device skips the caller's second factor, if it does.
pub(crate) fn trusted_until(app: &App, caller: &Caller<'_>, device: &Device) -> Option<Timestamp> {
    device.state.trusted_until(caller.account.device_epoch, caller.account.trust_terms(), app.clock.now())
}

/// The device part of a login.
#[derive(Clone, Copy)]
pub(crate) struct DevicePart<'a> {
    pub(crate) location: Option<&'a GeoLocation>,
    /// Whether the login waits for a mailed code.
    pub(crate) unconfirmed: bool,
}

/// A login's change to its device: the recognised device with its latest login, or an unrecognised one with a new
/// token.
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub(crate) async fn login(
    context: Context<'_>,
    subject: &SignInSubject<'_>,
    options: &SessionOptions,
    login: DevicePart<'_>,
) -> Result<(DeviceLogin, Option<DeviceToken>), Error> {
    let Context { app, request } = context;
    let (account, client) = (subject.account, &request.client);
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let id = device_id(app, subject, options, login, &index);
    let known_hash = subject.device.and_then(|(device, _)| device.token_hash.clone());
    let token = known_hash.is_none().then(|| DeviceToken::random(&account.id, &id, &*app.rng));
    let token_hash = known_hash.or_else(|| token.as_ref().map(|token| token.hash(&index)));
    let key = Device::key(&account.id, &id);
    let fields = subject.cipher.item(&key);
    let name = options.device_name.as_ref().map(|name| name.as_str());
    let device_login = DeviceLogin {
        recognised: token.is_none(),
        unconfirmed: login.unconfirmed,
        relied_on: subject.relied_on,
        trust: subject.trust.filter(|_| !login.unconfirmed),
        epoch: account.device_epoch,
        token_hash: token_hash.ok_or_else(|| Error::internal("a device without a token"))?,
        fingerprint_hash: fingerprint_hash(&index, account, options),
        name: fields.seal_some(Device::NAME, name).await?,
        user_agent: fields.seal(Device::USER_AGENT, &client.user_agent).await?,
        ip_truncated: network::truncated(client.ip),
        location: fields.seal_json_some(Device::LOCATION, login.location).await?,
        id,
    };
    Ok((device_login, token))
}

/// The device id of a login. The same fingerprint maps to the same id, so repeated logins from one browser appear as one
/// device. Only a login that awaits confirmation gets a new id, and leaves the entry unchanged.
///
/// A fingerprint proves nothing: without its token the device is unrecognised.
fn device_id(
    app: &App,
    subject: &SignInSubject<'_>,
    options: &SessionOptions,
    login: DevicePart<'_>,
    index: &KeySet,
) -> DeviceId {
    if let Some((known, _)) = subject.device {
        return known.id.clone();
    }
    match fingerprint(subject.account, options) {
        Some(value) if !login.unconfirmed => {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&raw(index, Subject::Fingerprint, &value)[..16]);
            DeviceId::from_bytes(bytes)
        }
        _ => DeviceId::random(&*app.rng),
    }
}
