//! `PATCH /v1/devices/{id}`: another name for a device, or an end to its trust. Trust is only given after a second factor, never here.

use std::sync::Arc;

use serde_json::Value;
use shared::{
    app::App,
    domain::{
        audit::{Action, Outcome},
        name::DisplayText,
    },
    error::Error,
    http::{FromJson, Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::{Device, Transaction, device_key},
};

use super::{
    own::{find_device, not_found},
    shown::ShownDevice,
};
use crate::authentication;

/// `device-update`
pub const OPERATION: Operation = Operation::http(
    "device-update",
    &[Purpose::Index, Purpose::Csrf, Purpose::FieldSession, Purpose::FieldIp],
    |app, request| Box::pin(handle(app, request)),
);

/// `"trusted": false`
struct Distrust;

impl FromJson for Distrust {
    fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::Bool(false) => Ok(Self),
            _ => Err("can only be false, because only a login can trust a device".to_owned()),
        }
    }
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.fields()?;
    let name: Option<DisplayText> = fields.optional("name");
    let distrust = fields.optional::<Distrust>("trusted").is_some();
    fields.finish(|| Some(()))?;
    let caller = authentication::caller(&app, &request).await?;
    caller.demand_confirmed()?;
    let mut device = find_device(&app, &request, &caller, Action::UpdateDevice, false).await?;
    if name.is_some() || distrust {
        let item = device_key(&device.user_id, &device.id);
        if let Some(name) = &name {
            let place = Device::place(&item, "device_name");
            device.name = Some(caller.vault.seal(Purpose::FieldSession, place, name.as_str()).await?);
        }
        let method = if distrust { "distrust" } else { "rename" };
        let event = caller.vault.event(Action::UpdateDevice, Outcome::Success, method, &request.client).await?;
        let mut transaction = Transaction::new();
        transaction.change_device(&app.store, &device, name.and(device.name.as_deref()), distrust);
        transaction.audit(&app.store, &event);
        match app.store.commit(transaction).await {
            Ok(()) => {}
            Err(refused) if refused.refused("device") => {
                return not_found(&app, &request, &caller, Action::UpdateDevice).await;
            }
            Err(error) => return Err(error.into()),
        }
        if distrust {
            device.state.trust = None;
        }
    }
    Ok(Response::json(StatusCode::OK, &ShownDevice::of(&app, &caller, &device).await?))
}
