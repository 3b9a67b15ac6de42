//! `GET /v1/activity`: the caller's audit events in pages, the newest first.

use serde::Serialize;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::Action,
        geo_location::{GeoLocation, LocationView},
        page::{Cursor, PageLimit},
        user_agent::UserAgent,
    },
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route},
    store::{AuditEvent, Page, RecordedEvent},
    user_cipher::UserCipher,
};

use super::event_id::{displayed, event_id};
use crate::auth::caller;

pub const OPERATION: Operation = Operation::http("activity-list", |context| Box::pin(handle(context)))
    .summary("lists what happened to the caller's account, with device and location")
    .routes(&[Route::new("GET", "/v1/activity")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldSession]);

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
