//! `GET /v1/sessions`: the caller's active sessions, the last active first.

use std::collections::HashMap;

use serde::Serialize;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::page::{Cursor, PageLimit},
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route},
    store::Session,
};

use super::{lookup::is_active, views::SessionView};
use crate::auth::caller;

pub const OPERATION: Operation = Operation::http("session-list", |context| Box::pin(handle(context)))
    .summary("lists the caller's active sessions, with device and location")
    .routes(&[Route::new("GET", "/v1/sessions")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldSession]);

#[derive(Serialize)]
struct Page {
    sessions: Vec<SessionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut query = request.query();
    let limit: PageLimit = query.optional("limit").unwrap_or_default();
    let cursor: Option<Cursor> = query.optional("cursor");
    query.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    let now = app.clock.now();
    let user_id = &caller.account.id;
    let both = futures::future::try_join(app.store.sessions(user_id), app.store.devices(user_id));
    let (mut sessions, devices) = both.await?;
    sessions.retain(|session| session.state.is_active(caller.account.session_epoch, now));
    let time = |session: &Session| session.state.last_active_at.millis();
    sessions.sort_by(|one, other| time(other).cmp(&time(one)).then_with(|| one.hash.cmp(&other.hash)));
    if let Some(cursor) = &cursor {
        sessions.retain(|session| cursor.is_before(time(session), &session.hash));
    }
    let last = (sessions.len() > limit.0).then(|| &sessions[limit.0 - 1]);
    let next = last.map(|last| Cursor { millis: time(last), key: last.hash.clone() }.encode());
    let active = devices.iter().filter(|device| is_active(context, &caller, device));
    let devices: HashMap<_, _> = active.map(|device| (&device.id, device)).collect();
    let mut views = Vec::new();
    for session in sessions.iter().take(limit.0) {
        let device = session.device_id.as_ref().and_then(|id| devices.get(id).copied());
        views.push(SessionView::open(app, &caller, session, device).await?);
    }
    Ok(Response::json(StatusCode::OK, &Page { sessions: views, next }))
}
