//! `GET /v1/devices`: the devices that the caller's account recognises, the last seen first.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route},
};

use super::{lookup::is_active, views::DeviceView};
use crate::auth::caller;

pub const OPERATION: Operation = Operation::http("device-list", |context| Box::pin(handle(context)))
    .summary("lists the devices that the caller's account recognises")
    .routes(&[Route::new("GET", "/v1/devices")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldSession]);

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    request.query().finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    let mut devices = app.store.devices(&caller.account.id).await?;
    devices.retain(|device| is_active(context, &caller, device));
    devices.sort_by_key(|device| std::cmp::Reverse(device.state.last_seen_at));
    let mut views = Vec::new();
    for device in &devices {
        views.push(DeviceView::open(app, &caller, device).await?);
    }
    Ok(Response::json(StatusCode::OK, &json!({ "devices": views })))
}
