//! Sessions and devices as answers show them to their owner.

use serde::Serialize;
use shared::{
    app::App,
    clock::Timestamp,
    crypto::key::Purpose,
    domain::{
        geo_location::{Location, Place},
        user_agent::UserAgent,
    },
    error::Error,
    store::{Device, Session, device_key, session_key},
    user_cipher::Vault,
};

use crate::auth::caller::Caller;

/// A device (API.md, `device-list`).
#[derive(Serialize)]
pub(super) struct ShownDevice {
    id: String,
    name: String,
    browser: Option<String>,
    os: Option<String>,
    trusted: bool,
    trusted_until: Option<String>,
    first_seen_at: String,
    last_seen_at: String,
    ip_truncated: String,
    location: Option<Location>,
    current: bool,
}

/// A session (API.md, `session-list`).
#[derive(Serialize)]
pub(super) struct ShownSession {
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
    location: Option<Location>,
}

#[derive(Serialize)]
struct DeviceOfSession {
    id: Option<String>,
    name: String,
    trusted: bool,
}

async fn location(
    vault: &Vault<'_>,
    at: shared::crypto::field::Place<'_>,
    sealed: Option<&String>,
) -> Result<Option<Location>, Error> {
    let Some(sealed) = sealed else { return Ok(None) };
    let place: Place = vault.open_json(Purpose::FieldSession, at, sealed).await?;
    Ok(Some(place.location()))
}

/// Until when a device skips the second factor.
pub(crate) fn trusted_until(app: &App, caller: &Caller<'_>, device: &Device) -> Option<Timestamp> {
    device.state.trusted_until(caller.account.device_epoch, caller.account.mfa_since, app.clock.now())
}

/// What a device is called: by its user, or by what it says of itself.
async fn name(vault: &Vault<'_>, device: &Device, agent: &UserAgent) -> Result<String, Error> {
    let Some(sealed) = &device.name else { return Ok(agent.in_words()) };
    let item = device_key(&device.user_id, &device.id);
    Ok(vault.open(Purpose::FieldSession, Device::place(&item, "device_name"), sealed).await?.to_string())
}

async fn user_agent(vault: &Vault<'_>, device: &Device) -> Result<UserAgent, Error> {
    let item = device_key(&device.user_id, &device.id);
    let sealed = vault.open(Purpose::FieldSession, Device::place(&item, "user_agent"), &device.user_agent).await?;
    Ok(UserAgent::parse(&sealed))
}

impl ShownDevice {
    /// Decrypts a device for its owner.
    pub(super) async fn of(app: &App, caller: &Caller<'_>, device: &Device) -> Result<Self, Error> {
        let agent = user_agent(&caller.vault, device).await?;
        let item = device_key(&device.user_id, &device.id);
        let trusted_until = trusted_until(app, caller, device);
        Ok(Self {
            id: device.id.to_string(),
            name: name(&caller.vault, device, &agent).await?,
            browser: agent.browser,
            os: agent.os,
            trusted: trusted_until.is_some(),
            trusted_until: trusted_until.map(|until| until.rfc3339()),
            first_seen_at: device.first_seen_at.rfc3339(),
            last_seen_at: device.state.last_seen_at.rfc3339(),
            ip_truncated: device.ip_truncated.clone(),
            location: location(&caller.vault, Device::place(&item, "place"), device.place.as_ref()).await?,
            current: caller.session.device_id.as_ref() == Some(&device.id),
        })
    }
}

impl ShownSession {
    /// Decrypts a session for its owner. `device`: the one that it was made with, if it is still known.
    pub(super) async fn of(
        app: &App,
        caller: &Caller<'_>,
        session: &Session,
        device: Option<&Device>,
    ) -> Result<Self, Error> {
        let vault = &caller.vault;
        let item = session_key(&session.user_id, &session.hash);
        let open = async |attribute, sealed: &String| -> Result<String, Error> {
            let text = vault.open(Purpose::FieldSession, Session::place(&item, attribute), sealed).await?;
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
                    Some(device) => name(vault, device, &UserAgent::parse(&agent)).await?,
                    None => UserAgent::parse(&agent).in_words(),
                },
                trusted: trusted_until.is_some(),
            },
            user_agent: agent,
            ip_truncated: session.ip_truncated.clone(),
            location: location(vault, Session::place(&item, "place"), session.place.as_ref()).await?,
        })
    }
}
