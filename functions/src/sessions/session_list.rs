//! `GET /v1/sessions`: the caller's living sessions, the last active first.

use std::{collections::HashMap, sync::Arc};

use serde::Serialize;
use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::page::{Cursor, PageLimit},
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

use super::shown::SessionView;
use crate::auth::caller;

/// `session-list`
pub const OPERATION: Operation =
    Operation::http("session-list", &[KeyPurpose::Index, KeyPurpose::FieldSession], |app, request| {
        Box::pin(handle(app, request))
    });

#[derive(Serialize)]
struct Listed {
    sessions: Vec<SessionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut query = request.query();
    let limit: PageLimit = query.optional("limit").unwrap_or_default();
    let cursor: Option<Cursor> = query.optional("cursor");
    query.finish(|| Some(()))?;
    let caller = caller::caller(&app, &request).await?;
    let now = app.clock.now();
    let user_id = &caller.account.id;
    let (mut sessions, devices) =
        futures::future::try_join(app.store.sessions(user_id), app.store.devices(user_id)).await?;
    sessions.retain(|session| session.state.is_active(caller.account.session_epoch, now));
    let time = |session: &shared::store::Session| session.state.last_active_at.millis();
    sessions.sort_by(|one, other| time(other).cmp(&time(one)).then_with(|| one.hash.cmp(&other.hash)));
    if let Some(cursor) = &cursor {
        sessions.retain(|session| cursor.is_before(time(session), &session.hash));
    }
    let last = (sessions.len() > limit.0).then(|| &sessions[limit.0 - 1]);
    let next = last.map(|last| Cursor { millis: time(last), key: last.hash.clone() }.encode());
    let devices: HashMap<_, _> = devices
        .iter()
        .filter(|device| device.state.is_active(caller.account.device_epoch, now))
        .map(|device| (&device.id, device))
        .collect();
    let mut shown = Vec::new();
    for session in sessions.iter().take(limit.0) {
        let device = session.device_id.as_ref().and_then(|id| devices.get(id).copied());
        shown.push(SessionView::of(&app, &caller, session, device).await?);
    }
    Ok(Response::json(StatusCode::OK, &Listed { sessions: shown, next }))
}
