//! `GET /v1/devices`: the devices that are known to the caller's account, the last seen first.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::key::KeyPurpose,
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

use super::shown::DeviceView;
use crate::auth::caller;

/// `device-list`
pub const OPERATION: Operation =
    Operation::http("device-list", &[KeyPurpose::Index, KeyPurpose::FieldSession], |app, request| {
        Box::pin(handle(app, request))
    });

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    request.query().finish(|| Some(()))?;
    let caller = caller::caller(&app, &request).await?;
    let now = app.clock.now();
    let mut devices = app.store.devices(&caller.account.id).await?;
    devices.retain(|device| device.state.is_active(caller.account.device_epoch, now));
    devices.sort_by_key(|device| std::cmp::Reverse(device.state.last_seen_at));
    let mut shown = Vec::new();
    for device in &devices {
        shown.push(DeviceView::of(&app, &caller, device).await?);
    }
    Ok(Response::json(StatusCode::OK, &json!({ "devices": shown })))
}
