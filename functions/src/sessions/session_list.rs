//! `GET /v1/sessions`: the caller's active sessions, in pages. Within a page, the last active comes first.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use serde::Serialize;
use shared::{
    context::Context,
    crypto::{key::KeyPurpose, secret::Token},
    domain::page::{self, Cursor, PageLimit},
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::Page,
};

use super::{lookup::is_active, views::SessionView};
use crate::auth::caller;

pub const OPERATION: Operation = Operation::http("session-list", |context| Box::pin(handle(context)))
    .summary("lists the caller's active sessions, with device and location")
    .routes(&[Route::new("GET", "/v1/sessions")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldSession])
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .query(page::query())
        .answers(200, "A page of the sessions.", schema::page("SessionList", "sessions", SessionView::schema()))
        .then([
            Link::new("session-list", &[("cursor", "/next")]),
            Link::new("session-revoke", &[("id", "/sessions/0/id")]),
        ])
}

#[derive(Serialize)]
struct Answer {
    sessions: Vec<SessionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut query = request.query();
    let limit: PageLimit = query.optional("limit").unwrap_or_default();
    let cursor: Option<Cursor> = query.optional("cursor");
    // The keys of the list are lookup hashes, of 32 bytes.
    if cursor.as_ref().is_some_and(|Cursor(hash)| Token::parse(hash).is_none()) {
        query.note("cursor", Cursor::EXPECTED);
    }
    query.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    let account = &caller.account;
    let after = cursor.as_ref().map(|Cursor(hash)| hash.as_str());
    let Page { entries: mut sessions, next } =
        app.store.active_sessions(account, after, limit.0, app.clock.now()).await?;
    sessions.sort_by_key(|session| Reverse(session.state.last_active_at));
    let ids: HashSet<_> = sessions.iter().filter_map(|session| session.device_id.clone()).collect();
    let devices = app.store.devices(&account.id, &Vec::from_iter(ids)).await?;
    let ids: HashSet<_> = sessions.iter().filter_map(|session| Some(session.grant.as_ref()?.client.clone())).collect();
    let clients = app.store.oauth_clients_named(&Vec::from_iter(ids)).await?;
    let clients: HashMap<_, _> = clients.iter().map(|client| (&client.id, client)).collect();
    // The sessions of a deleted client are over.
    sessions.retain(|session| session.grant.as_ref().is_none_or(|grant| clients.contains_key(&grant.client)));
    let active = devices.iter().filter(|device| is_active(context, &caller, device));
    let devices: HashMap<_, _> = active.map(|device| (&device.id, device)).collect();
    let mut views = Vec::new();
    for session in &sessions {
        let device = session.device_id.as_ref().and_then(|id| devices.get(id).copied());
        let client = session.grant.as_ref().and_then(|grant| clients.get(&grant.client).copied());
        views.push(SessionView::open(app, &caller, session, device, client).await?);
    }
    Ok(Response::json(StatusCode::OK, &Answer { sessions: views, next }))
}
