//! The parts of an export: what is stored, decrypted for its owner.

use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    clock::Timestamp,
    domain::{geo_location::GeoLocation, suspicion::LoginHistory},
    error::Error,
    fields::schema::{self, nullable, text, time},
    store::{Account, AuditEvent, Device, RecordedEvent, Session},
    user_cipher::UserCipher,
};

use super::event_id::displayed;
use crate::auth::user::User;

#[derive(Serialize)]
pub(super) struct ExportedAccount {
    #[serde(flatten)]
    user: User,
    /// The language of mails.
    language: &'static str,
    permissions: Vec<String>,
    mfa_since: Option<String>,
    last_login_ip: Option<String>,
    last_login_user_agent: Option<String>,
    login_history: Option<ExportedHistory>,
}

/// Geo locations of earlier logins, with which new ones are compared.
#[derive(Serialize)]
struct ExportedHistory {
    last_location: Option<GeoLocation>,
    last_at: Option<String>,
    countries: Vec<String>,
}

impl From<LoginHistory> for ExportedHistory {
    fn from(history: LoginHistory) -> Self {
        let (last_location, last_at) = history.last().cloned().unzip();
        let last_at = last_at.map(|millis| Timestamp::from_millis(millis).rfc3339());
        Self { last_location, last_at, countries: history.countries().to_vec() }
    }
}

#[derive(Serialize)]
pub(super) struct ExportedSession {
    id: String,
    created_at: String,
    authenticated_at: String,
    last_active_at: String,
    expires_at: String,
    ended_at: Option<String>,
    remember_me: bool,
    methods: Vec<String>,
    device_id: Option<String>,
    ip: String,
    user_agent: String,
    location: Option<GeoLocation>,
}

#[derive(Serialize)]
pub(super) struct ExportedDevice {
    id: String,
    name: Option<String>,
    user_agent: String,
    first_seen_at: String,
    last_seen_at: String,
    forgotten_at: Option<String>,
    trusted_until: Option<String>,
    ip_truncated: String,
    location: Option<GeoLocation>,
}

#[derive(Serialize)]
pub(super) struct ExportedEvent {
    id: String,
    at: String,
    action: String,
    status: String,
    method: String,
    reason: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    location: Option<GeoLocation>,
}

fn location() -> Value {
    let degrees = json!({ "type": ["array", "null"], "description": "Degrees north and east.", "items": { "type": "number" }, "examples": [[52.5, 13.4]] });
    nullable(
        schema::Object::new("ExportedLocation", "An estimate by the IP address.")
            .with("country", nullable(text("The country (ISO 3166-1 alpha-2).", "DE")))
            .with("region", nullable(text("A part of the country.", "Berlin")))
            .with("city", nullable(text("The city.", "Berlin")))
            .with("point", degrees)
            .schema(),
    )
}

impl ExportedSession {
    pub(super) fn schema() -> Value {
        schema::Object::new("ExportedSession", "A session.")
            .with("id", text("The id.", schema::TOKEN))
            .with("created_at", time("When the session began."))
            .with("authenticated_at", time("The last proof."))
            .with("last_active_at", time("The last refresh."))
            .with("expires_at", time("When the session ends at the latest."))
            .with("ended_at", nullable(time("When the session was ended.")))
            .with("remember_me", schema::boolean("Whether the session has the longer lifetime."))
            .with("methods", schema::list("How the session was proven (RFC 8176).", text("", "pwd")))
            .with("device_id", nullable(text("The device.", "q5UDmRyUeHXCYWFCVoFZ7g")))
            .with("ip", text("The IP address.", "203.0.113.7"))
            .with("user_agent", text("The `User-Agent`.", "Mozilla/5.0"))
            .with("location", location())
            .schema()
    }
}

impl ExportedDevice {
    pub(super) fn schema() -> Value {
        schema::Object::new("ExportedDevice", "A device.")
            .with("id", text("The id.", "q5UDmRyUeHXCYWFCVoFZ7g"))
            .with("name", nullable(text("The name that the user or the device gave.", "Phone")))
            .with("user_agent", text("The `User-Agent`.", "Mozilla/5.0"))
            .with("first_seen_at", time("The first login."))
            .with("last_seen_at", time("The last login or refresh."))
            .with("forgotten_at", nullable(time("When the user made it unrecognised.")))
            .with("trusted_until", nullable(time("When the trust ends.")))
            .with("ip_truncated", text("A part of the IP address.", "203.0.113.0"))
            .with("location", location())
            .schema()
    }
}

impl ExportedEvent {
    pub(super) fn schema() -> Value {
        schema::Object::new("ExportedEvent", "Something that happened to the account.")
            .with("id", text("The id.", "01J0Z8W7Q3"))
            .with("at", time("When it happened."))
            .with("action", text("What happened.", "login"))
            .with("status", schema::one_of("How it ended.", &["success", "failure"]))
            .with("method", text("How it was done.", "password"))
            .with("reason", nullable(text("The error code of a failure.", "invalid_credentials")))
            .with("ip", nullable(text("The IP address.", "203.0.113.7")))
            .with("user_agent", nullable(text("The `User-Agent`.", "Mozilla/5.0")))
            .with("location", location())
            .schema()
    }
}

impl ExportedAccount {
    pub(super) fn schema() -> Value {
        let history = schema::Object::new("ExportedHistory", "Earlier logins, with which new ones are compared.")
            .with("last_location", location())
            .with("last_at", nullable(time("The last login with a location.")))
            .with("countries", schema::list("The countries of earlier logins.", text("", "DE")));
        User::described(schema::Object::new("ExportedAccount", "The account."))
            .with("language", text("The language of mails.", "en"))
            .with("permissions", schema::list("The permissions.", text("", "articles:write")))
            .with("mfa_since", nullable(time("When MFA was turned on.")))
            .with("last_login_ip", nullable(text("The IP address of the last login.", "203.0.113.7")))
            .with("last_login_user_agent", nullable(text("The `User-Agent` of the last login.", "Mozilla/5.0")))
            .with("login_history", nullable(history.schema()))
            .schema()
    }

    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(super) async fn open(cipher: &UserCipher<'_>, account: &Account) -> Result<Self, Error> {
        let fields = cipher.item(&Account::key(&account.id));
        Ok(Self {
            user: User::open(cipher, account).await?,
            language: account.language.tag,
            permissions: account.permissions.clone(),
            mfa_since: account.mfa_since.map(|at| at.rfc3339()),
            last_login_ip: fields.open_some(Account::LAST_LOGIN_IP, account.last_login_ip.as_ref()).await?,
            last_login_user_agent: fields
                .open_some(Account::LAST_LOGIN_USER_AGENT, account.last_login_user_agent.as_ref())
                .await?,
            login_history: fields
                .open_json_some::<LoginHistory>(Account::LOGIN_HISTORY, account.login_history.as_ref())
                .await?
                .map(ExportedHistory::from),
        })
    }
}

impl ExportedSession {
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(super) async fn open(cipher: &UserCipher<'_>, session: &Session) -> Result<Self, Error> {
        let fields = cipher.item(&Session::key(&session.user_id, &session.hash));
        Ok(Self {
            id: fields.open(Session::ID, &session.sealed_id).await?.to_string(),
            created_at: session.created_at.rfc3339(),
            authenticated_at: session.auth_time.rfc3339(),
            last_active_at: session.state.last_active_at.rfc3339(),
            expires_at: session.state.ends_at().rfc3339(),
            ended_at: session.state.revoked_at.map(|at| at.rfc3339()),
            remember_me: session.remember_me,
            methods: session.amr.clone(),
            device_id: session.device_id.as_ref().map(ToString::to_string),
            ip: fields.open(Session::IP, &session.ip).await?.to_string(),
            user_agent: fields.open(Session::USER_AGENT, &session.user_agent).await?.to_string(),
            location: fields.open_json_some(Session::LOCATION, session.location.as_ref()).await?,
        })
    }
}

impl ExportedDevice {
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(super) async fn open(cipher: &UserCipher<'_>, device: &Device) -> Result<Self, Error> {
        let fields = cipher.item(&Device::key(&device.user_id, &device.id));
        Ok(Self {
            id: device.id.to_string(),
            name: fields.open_some(Device::NAME, device.name.as_ref()).await?,
            user_agent: fields.open(Device::USER_AGENT, &device.user_agent).await?.to_string(),
            first_seen_at: device.first_seen_at.rfc3339(),
            last_seen_at: device.state.last_seen_at.rfc3339(),
            forgotten_at: device.state.forgotten_at.map(|at| at.rfc3339()),
            trusted_until: device.state.trust.map(|trust| trust.until.rfc3339()),
            ip_truncated: device.ip_truncated.clone(),
            location: fields.open_json_some(Device::LOCATION, device.location.as_ref()).await?,
        })
    }
}

impl ExportedEvent {
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub(super) async fn open(cipher: &UserCipher<'_>, pseudonym: &str, event: &RecordedEvent) -> Result<Self, Error> {
        let fields = cipher.item(&AuditEvent::key(pseudonym, &event.id));
        Ok(Self {
            id: displayed(&event.id),
            at: event.at.rfc3339(),
            action: event.action.clone(),
            status: event.outcome.clone(),
            method: event.method.clone(),
            reason: event.reason.clone(),
            ip: fields.open_some(AuditEvent::IP, event.ip.as_ref()).await?,
            user_agent: fields.open_some(AuditEvent::USER_AGENT, event.user_agent.as_ref()).await?,
            location: fields.open_json_some(AuditEvent::LOCATION, event.location.as_ref()).await?,
        })
    }
}
