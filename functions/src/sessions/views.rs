//! Sessions and devices in the form that their owner gets.

use serde::Serialize;
use shared::{
    app::App,
    domain::{
        geo_location::{GeoLocation, LocationView},
        user_agent::UserAgent,
    },
    error::Error,
    fields::schema::{self, nullable, text},
    store::{Device, OAuthClient, Session},
    user_cipher::{ItemCipher, UserCipher},
};

use crate::auth::{caller::Caller, session::device::trusted_until};

/// A device (docs/api.md, `device-list`).
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

/// A session (docs/api.md, `session-list`).
#[derive(Serialize)]
pub(super) struct SessionView {
    id: String,
    current: bool,
    created_at: String,
    last_active_at: String,
    expires_at: String,
    remember_me: bool,
    methods: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<SessionClient>,
    device: SessionDevice,
    user_agent: String,
    ip_truncated: String,
    location: Option<LocationView>,
}

/// The OAuth client of a session.
#[derive(Serialize)]
struct SessionClient {
    id: String,
    name: String,
}

#[derive(Serialize)]
struct SessionDevice {
    id: Option<String>,
    name: String,
    trusted: bool,
}

/// The name that the user gave a device, or else its description.
async fn device_name(fields: &ItemCipher<'_>, device: &Device, agent: &UserAgent) -> Result<String, Error> {
    let name = fields.open_some(Device::NAME, device.name.as_ref()).await?;
    Ok(name.unwrap_or_else(|| agent.describe()))
}

impl DeviceView {
    pub(super) fn schema() -> serde_json::Value {
        schema::Object::new("Device", "A browser or app that has logged in to the account.")
            .with("id", text("The id.", "q5UDmRyUeHXCYWFCVoFZ7g"))
            .with("name", text("The name that the user gave, or a description.", "Firefox on Linux"))
            .with("browser", nullable(text("The browser.", "Firefox")))
            .with("os", nullable(text("The operating system.", "Linux")))
            .with("trusted", schema::boolean("Whether logins skip the second factor."))
            .with("trusted_until", nullable(schema::time("When the trust ends.")))
            .with("first_seen_at", schema::time("The first login."))
            .with("last_seen_at", schema::time("The last login or refresh."))
            .with("ip_truncated", text("A part of the last IP address.", "203.0.113.0"))
            .with("location", nullable(LocationView::schema()))
            .with("current", schema::boolean("Whether the request comes from the device."))
            .schema()
    }

    /// Decrypts a device for its owner.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the key.
    pub(super) async fn open(app: &App, caller: &Caller<'_>, device: &Device) -> Result<Self, Error> {
        let fields = caller.cipher.item(&Device::key(&device.user_id, &device.id));
        let agent = UserAgent::parse(&fields.open(Device::USER_AGENT, &device.user_agent).await?);
        let trusted_until = trusted_until(app, caller, device);
        let location: Option<GeoLocation> = fields.open_json_some(Device::LOCATION, device.location.as_ref()).await?;
        Ok(Self {
            id: device.id.to_string(),
            name: device_name(&fields, device, &agent).await?,
            browser: agent.browser,
            os: agent.os,
            trusted: trusted_until.is_some(),
            trusted_until: trusted_until.map(|until| until.rfc3339()),
            first_seen_at: device.first_seen_at.rfc3339(),
            last_seen_at: device.state.last_seen_at.rfc3339(),
            ip_truncated: device.ip_truncated.clone(),
            location: location.map(|location| location.view()),
            current: caller.session.device_id.as_ref() == Some(&device.id),
        })
    }
}

impl SessionView {
    pub(super) fn schema() -> serde_json::Value {
        let client = schema::Object::new("SessionClient", "The OAuth client of the session.")
            .with("id", text("The id.", "local"))
            .with("name", text("The name that users see.", "Local app"));
        let device = schema::Object::new("SessionDevice", "The device of the session.")
            .with("id", nullable(text("The id, if the device is recognised.", "q5UDmRyUeHXCYWFCVoFZ7g")))
            .with("name", text("The name that the user gave, or a description.", "Firefox on Linux"))
            .with("trusted", schema::boolean("Whether logins skip the second factor."));
        schema::Object::new("Session", "An active session of the account.")
            .with("id", text("The id.", schema::TOKEN))
            .with("current", schema::boolean("Whether it is the session of the request."))
            .with("created_at", schema::time("When the session began."))
            .with("last_active_at", schema::time("The last refresh."))
            .with("expires_at", schema::time("When the session ends without another refresh."))
            .with("remember_me", schema::boolean("Whether the session has the longer lifetime."))
            .with("methods", schema::list("How the session was proven (RFC 8176).", text("", "pwd")))
            .with_optional("client", client.schema())
            .with("device", device.schema())
            .with("user_agent", text("The `User-Agent` of the login.", "Mozilla/5.0"))
            .with("ip_truncated", text("A part of the IP address.", "203.0.113.0"))
            .with("location", nullable(LocationView::schema()))
            .schema()
    }

    /// Decrypts a session for its owner. `device` is the session's device, if it is active, and `client` its OAuth client.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the key.
    pub(super) async fn open(
        app: &App,
        caller: &Caller<'_>,
        session: &Session,
        device: Option<&Device>,
        client: Option<&OAuthClient>,
    ) -> Result<Self, Error> {
        let fields = caller.cipher.item(&Session::key(&session.user_id, &session.hash));
        let user_agent = fields.open(Session::USER_AGENT, &session.user_agent).await?.to_string();
        let location: Option<GeoLocation> = fields.open_json_some(Session::LOCATION, session.location.as_ref()).await?;
        Ok(Self {
            id: fields.open(Session::ID, &session.sealed_id).await?.to_string(),
            current: session.hash == caller.session.hash,
            created_at: session.created_at.rfc3339(),
            last_active_at: session.state.last_active_at.rfc3339(),
            expires_at: session.state.ends_at().rfc3339(),
            remember_me: session.remember_me,
            methods: session.amr.clone(),
            client: client
                .map(|client| SessionClient { id: client.id.to_string(), name: client.name.as_str().to_owned() }),
            device: SessionDevice {
                id: device.map(|device| device.id.to_string()),
                name: session_device_name(&caller.cipher, device, &UserAgent::parse(&user_agent)).await?,
                trusted: device.and_then(|device| trusted_until(app, caller, device)).is_some(),
            },
            user_agent,
            ip_truncated: session.ip_truncated.clone(),
            location: location.map(|location| location.view()),
        })
    }
}

async fn session_device_name(
    cipher: &UserCipher<'_>,
    device: Option<&Device>,
    agent: &UserAgent,
) -> Result<String, Error> {
    let Some(device) = device else { return Ok(agent.describe()) };
    device_name(&cipher.item(&Device::key(&device.user_id, &device.id)), device, agent).await
}
