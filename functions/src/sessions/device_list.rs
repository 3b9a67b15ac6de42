//! `GET /v1/devices`: the recognised devices of the caller's account, in pages. Within a page, the last seen comes first.

use std::cmp::Reverse;

use serde::Serialize;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        ids::DeviceId,
        page::{self, Cursor, PageLimit},
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::Page,
};

use super::views::DeviceView;
use crate::auth::caller;

pub const OPERATION: Operation = Operation::http("device-list", |context| Box::pin(handle(context)))
    .summary("lists the devices that the caller's account recognises")
    .routes(&[Route::new("GET", "/v1/devices")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldSession])
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .query(page::query())
        .answers(200, "A page of the devices.", schema::page("DeviceList", "devices", DeviceView::schema()))
        .then([
            Link::new("device-list", &[("cursor", "/next")]),
            Link::new("device-update", &[("id", "/devices/0/id")]),
            Link::new("device-forget", &[("id", "/devices/0/id")]),
        ])
}

#[derive(Serialize)]
struct Answer {
    devices: Vec<DeviceView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut query = request.query();
    let limit: PageLimit = query.optional("limit").unwrap_or_default();
    let cursor: Option<Cursor> = query.optional("cursor");
    let after = match cursor.map(|Cursor(id)| DeviceId::parse(&id)) {
        Some(None) => {
            query.note("cursor", Cursor::EXPECTED);
            None
        }
        after => after.flatten(),
    };
    query.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    let page = app.store.active_devices(&caller.account, after.as_ref(), limit.0, app.clock.now()).await?;
    let Page { entries: mut devices, next } = page;
    devices.sort_by_key(|device| Reverse(device.state.last_seen_at));
    let mut views = Vec::new();
    for device in &devices {
        views.push(DeviceView::open(app, &caller, device).await?);
    }
    Ok(Response::json(StatusCode::OK, &Answer { devices: views, next }))
}
