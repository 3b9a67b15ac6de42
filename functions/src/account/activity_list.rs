//! `GET /v1/activity`: the caller's audit events in pages, the newest first.

use serde::Serialize;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::Action,
        geo_location::{GeoLocation, LocationView},
        page::{self, Cursor, PageLimit},
        user_agent::UserAgent,
    },
    error::Error,
    fields::schema::{self, nullable, text},
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{AuditEvent, Page, RecordedEvent},
    user_cipher::UserCipher,
};

use super::event_id::{displayed, event_id};
use crate::auth::caller;

pub const OPERATION: Operation = Operation::http("activity-list", |context| Box::pin(handle(context)))
    .summary("lists what happened to the caller's account, with device and location")
    .routes(&[Route::new("GET", "/v1/activity")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldSession])
    .contract(contract);

fn contract() -> Contract {
    let query = page::query().optional::<Action>("action", "Only events of this action.");
    Contract::new()
        .query(query)
        .answers(
            200,
            "A page of the events, the newest first.",
            schema::page("ActivityList", "events", EventView::schema()),
        )
        .then([Link::new("activity-list", &[("cursor", "/next")])])
}

/// The number of events of a page if the request names none.
const DEFAULT_LIMIT: PageLimit = PageLimit(20);

#[derive(Serialize)]
struct Answer {
    events: Vec<EventView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct EventView {
    id: String,
    at: String,
    action: String,
    status: String,
    method: String,
    device: Option<DeviceName>,
    ip_truncated: Option<String>,
    location: Option<LocationView>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct DeviceName {
    name: String,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut query = request.query();
    let limit = query.optional("limit").unwrap_or(DEFAULT_LIMIT);
    let action: Option<Action> = query.optional("action");
    let cursor: Option<Cursor> = query.optional("cursor");
    let after = cursor.as_ref().map(|Cursor(text)| event_id(text));
    if after == Some(None) {
        query.note("cursor", Cursor::EXPECTED);
    }
    query.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    let pseudonym = caller.cipher.pseudonym().await?;
    let after = after.flatten();
    let page = app.store.events(&pseudonym, action, after.as_deref(), limit.0, app.clock.now()).await?;
    let Page { entries, next } = page;
    let mut events = Vec::new();
    for event in &entries {
        events.push(EventView::open(&caller.cipher, &pseudonym, event).await?);
    }
    Ok(Response::json(StatusCode::OK, &Answer { events, next: next.as_deref().map(displayed) }))
}

impl EventView {
    fn schema() -> serde_json::Value {
        let device = schema::Object::new("EventDevice", "The device of the request.")
            .with("name", text("A description.", "Firefox on Linux"));
        schema::Object::new("ActivityEvent", "Something that happened to the account.")
            .with("id", text("The id.", "01J0Z8W7Q3"))
            .with("at", schema::time("When it happened."))
            .with("action", text("What happened: a name of the audit log.", Action::Login.as_str()))
            .with("status", schema::one_of("How it ended.", &["success", "failure"]))
            .with("method", text("How it was done.", "password"))
            .with("device", nullable(device.schema()))
            .with("ip_truncated", nullable(text("A part of the IP address.", "203.0.113.0")))
            .with("location", nullable(LocationView::schema()))
            .with("reason", nullable(text("The error code of a failure.", "invalid_credentials")))
            .schema()
    }

    /// Decrypts an event for its user.
    async fn open(cipher: &UserCipher<'_>, pseudonym: &str, event: &RecordedEvent) -> Result<Self, Error> {
        let fields = cipher.item(&AuditEvent::key(pseudonym, &event.id));
        let agent = fields.open_some(AuditEvent::USER_AGENT, event.user_agent.as_ref()).await?;
        let location: Option<GeoLocation> =
            fields.open_json_some(AuditEvent::LOCATION, event.location.as_ref()).await?;
        Ok(Self {
            id: displayed(&event.id),
            at: event.at.rfc3339(),
            action: event.action.clone(),
            status: event.outcome.clone(),
            method: event.method.clone(),
            device: agent.map(|agent| DeviceName { name: UserAgent::parse(&agent).describe() }),
            ip_truncated: event.ip_truncated.clone(),
            location: location.map(|location| location.view()),
            reason: event.reason.clone(),
        })
    }
}
