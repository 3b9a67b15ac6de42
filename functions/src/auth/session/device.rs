//! Devices at a login: the one that a client shows itself to be, and what the table keeps of it.

use shared::{
    app::App,
    crypto::{
        device_token::DeviceToken,
        key::{KeyPurpose, KeySet},
        lookup_hash::{Subject, lookup_hash, raw},
        secret::same,
    },
    domain::{geo_location::GeoLocation, ids::DeviceId, network, session::SessionOptions},
    error::Error,
    http::{Client, Cookie, Request},
    store::{Account, Device, DeviceLogin, device_key},
};

use crate::auth::session::issue::SignInSubject;

/// The device token that a request shows, in its body or as a cookie, if it is one of ours.
pub(crate) fn presented(index: &KeySet, request: &Request, options: &SessionOptions) -> Option<DeviceToken> {
    let in_body = options.device_token.as_ref().map(|token| token.0.as_str());
    in_body.or_else(|| request.cookie(Cookie::Device)).and_then(|token| DeviceToken::parse(index, token))
}

/// Whether a stored device is the one that was shown, and known to the account. A fingerprint that is told and isn't the device's makes
/// it a stranger: its token was copied.
pub(crate) fn is_known(
    app: &App,
    index: &KeySet,
    account: &Account,
    device: &Device,
    shown: &DeviceToken,
    options: &SessionOptions,
) -> bool {
    let same_text = |one: Option<&String>, other: String| one.is_some_and(|one| same(one.as_bytes(), other.as_bytes()));
    let other_fingerprint = device.fingerprint_hash.as_ref().zip(fingerprint_hash(index, account, options));
    device.state.is_known(account.device_epoch, app.clock.now())
        && same_text(device.token_hash.as_ref(), shown.hash(index))
        && other_fingerprint.is_none_or(|(known, told)| *known == told)
}

fn fingerprint(account: &Account, options: &SessionOptions) -> Option<Vec<u8>> {
    let told = options.device_fingerprint.as_ref()?;
    Some([account.id.bytes().as_slice(), told.0.as_bytes()].concat())
}

fn fingerprint_hash(index: &KeySet, account: &Account, options: &SessionOptions) -> Option<String> {
    fingerprint(account, options).map(|value| lookup_hash(index, Subject::Fingerprint, &value))
}

/// The device of a login: the known one as it is now, or another, with the token that it will be known by.
pub(crate) async fn record(
    app: &App,
    subject: &SignInSubject<'_>,
    client: &Client,
    options: &SessionOptions,
    place: Option<&GeoLocation>,
    unconfirmed: bool,
) -> Result<(DeviceLogin, Option<DeviceToken>), Error> {
    let SignInSubject { account, cipher, .. } = *subject;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    // A client that tells what it makes of its device is the same device whenever it tells the same, if a stranger each time. One whose
    // login waits to be confirmed leaves what is there alone.
    let id = match (subject.device, fingerprint(account, options)) {
        (Some((known, _)), _) => known.id.clone(),
        (None, Some(value)) if !unconfirmed => {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&raw(&index, Subject::Fingerprint, &value)[..16]);
            DeviceId::from_bytes(bytes)
        }
        (None, _) => DeviceId::random(&*app.rng),
    };
    let known_hash = subject.device.and_then(|(device, _)| device.token_hash.clone());
    let token = known_hash.is_none().then(|| DeviceToken::random(&account.id, &id, &*app.rng));
    let token_hash = known_hash.or_else(|| token.as_ref().map(|token| token.hash(&index)));
    let item = device_key(&account.id, &id);
    let name = match &options.device_name {
        Some(name) => {
            Some(cipher.seal(KeyPurpose::FieldSession, Device::place(&item, "device_name"), name.as_str()).await?)
        }
        None => None,
    };
    let seen = DeviceLogin {
        known: token.is_none(),
        unconfirmed,
        relied_on: subject.relied_on,
        trust: subject.trust.filter(|_| !unconfirmed),
        epoch: account.device_epoch,
        token_hash: token_hash.ok_or_else(|| Error::internal("a device without a token"))?,
        fingerprint_hash: fingerprint_hash(&index, account, options),
        name,
        user_agent: cipher
            .seal(KeyPurpose::FieldSession, Device::place(&item, "user_agent"), &client.user_agent)
            .await?,
        ip_truncated: network::truncated(client.ip),
        place: match place {
            Some(place) => {
                Some(cipher.seal_json(KeyPurpose::FieldSession, Device::place(&item, "place"), place).await?)
            }
            None => None,
        },
        id,
    };
    Ok((seen, token))
}
