//! Sessions and devices as answers show them to their owner.

use serde::Serialize;
use shared::{
    app::App,
    clock::Timestamp,
    crypto::key::KeyPurpose,
    domain::{
        geo_location::{GeoLocation, LocationView},
        user_agent::UserAgent,
    },
    error::Error,
    store::{Device, Session, device_key, session_key},
    user_cipher::UserCipher,
};

use crate::auth::caller::Caller;

/// A device (API.md, `device-list`).
#[derive(Serialize)]
pub(super) struct DeviceView {
    id: String,
    name: String,
    browser: Option<String>,
    os: Option<String>,
    trusted: bool,
    trusted_until: Option<String>,
    first_seen_at: String,
    last_seen_at: String,
    ip_truncated: String,
    location: Option<LocationView>,
    current: bool,
}

/// A session (API.md, `session-list`).
#[derive(Serialize)]
pub(super) struct SessionView {
    id: String,
    current: bool,
    created_at: String,
    last_active_at: String,
    expires_at: String,
    remember_me: bool,
    methods: Vec<String>,
    device: DeviceOfSession,
    user_agent: String,
    ip_truncated: String,
    location: Option<LocationView>,
}

#[derive(Serialize)]
struct DeviceOfSession {
    id: Option<String>,
    name: String,
    trusted: bool,
}

async fn location(
    cipher: &UserCipher<'_>,
    at: shared::crypto::field::Place<'_>,
    sealed: Option<&String>,
) -> Result<Option<LocationView>, Error> {
    let Some(sealed) = sealed else { return Ok(None) };
    let place: GeoLocation = cipher.open_json(KeyPurpose::FieldSession, at, sealed).await?;
    Ok(Some(place.location()))
}

/// Until when a device skips the second factor.
pub(crate) fn trusted_until(app: &App, caller: &Caller<'_>, device: &Device) -> Option<Timestamp> {
    device.state.trusted_until(caller.account.device_epoch, caller.account.mfa_since, app.clock.now())
}

/// What a device is called: by its user, or by what it says of itself.
async fn name(cipher: &UserCipher<'_>, device: &Device, agent: &UserAgent) -> Result<String, Error> {
    let Some(sealed) = &device.name else { return Ok(agent.describe()) };
    let item = device_key(&device.user_id, &device.id);
    Ok(cipher.open(KeyPurpose::FieldSession, Device::place(&item, "device_name"), sealed).await?.to_string())
}

async fn user_agent(cipher: &UserCipher<'_>, device: &Device) -> Result<UserAgent, Error> {
    let item = device_key(&device.user_id, &device.id);
    let sealed = cipher.open(KeyPurpose::FieldSession, Device::place(&item, "user_agent"), &device.user_agent).await?;
    Ok(UserAgent::parse(&sealed))
}

impl DeviceView {
    /// Decrypts a device for its owner.
    pub(super) async fn of(app: &App, caller: &Caller<'_>, device: &Device) -> Result<Self, Error> {
        let agent = user_agent(&caller.cipher, device).await?;
        let item = device_key(&device.user_id, &device.id);
        let trusted_until = trusted_until(app, caller, device);
        Ok(Self {
            id: device.id.to_string(),
            name: name(&caller.cipher, device, &agent).await?,
            browser: agent.browser,
            os: agent.os,
            trusted: trusted_until.is_some(),
            trusted_until: trusted_until.map(|until| until.rfc3339()),
            first_seen_at: device.first_seen_at.rfc3339(),
            last_seen_at: device.state.last_seen_at.rfc3339(),
            ip_truncated: device.ip_truncated.clone(),
            location: location(&caller.cipher, Device::place(&item, "place"), device.place.as_ref()).await?,
            current: caller.session.device_id.as_ref() == Some(&device.id),
        })
    }
}

impl SessionView {
    /// Decrypts a session for its owner. `device`: the one that it was made with, if it is still known.
    pub(super) async fn of(
        app: &App,
        caller: &Caller<'_>,
        session: &Session,
        device: Option<&Device>,
    ) -> Result<Self, Error> {
        let cipher = &caller.cipher;
        let item = session_key(&session.user_id, &session.hash);
        let open = async |attribute, sealed: &String| -> Result<String, Error> {
            let text = cipher.open(KeyPurpose::FieldSession, Session::place(&item, attribute), sealed).await?;
            Ok(text.to_string())
        };
        let agent = open("user_agent", &session.user_agent).await?;
        let trusted_until = device.and_then(|device| trusted_until(app, caller, device));
        Ok(Self {
            id: open("session_id", &session.sealed_id).await?,
            current: session.hash == caller.session.hash,
            created_at: session.created_at.rfc3339(),
            last_active_at: session.state.last_active_at.rfc3339(),
            expires_at: session.state.ends_at().rfc3339(),
            remember_me: session.remember_me,
            methods: session.amr.clone(),
            device: DeviceOfSession {
                id: device.map(|device| device.id.to_string()),
                name: match device {
                    Some(device) => name(cipher, device, &UserAgent::parse(&agent)).await?,
                    None => UserAgent::parse(&agent).describe(),
                },
                trusted: trusted_until.is_some(),
            },
            user_agent: agent,
            ip_truncated: session.ip_truncated.clone(),
            location: location(cipher, Session::place(&item, "place"), session.place.as_ref()).await?,
        })
    }
}
