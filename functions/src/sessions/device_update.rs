//! `PATCH /v1/devices/{id}`: renames a device, or ends its trust. Only a login with a second factor trusts a device.

use serde_json::{Value, json};
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::CHANGES_BY_SESSION,
        name::DisplayText,
    },
    error::Error,
    fields::{
        Change, FromJson,
        schema::{self, Described},
    },
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{Condition, Device, DeviceChange},
};

use super::{
    lookup::{find_device, is_active, not_found},
    views::DeviceView,
};
use crate::auth::{caller, limits};

pub const OPERATION: Operation = Operation::http("device-update", |context| Box::pin(handle(context)))
    .summary("renames a device, or ends its trust")
    .routes(&[Route::new("PATCH", "/v1/devices/{id}")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("DeviceUpdate")
        .change::<DisplayText>("name", "The name that lists show.")
        .optional::<EndTrust>("trusted", "Ends the trust. Only a login can give it.");
    Contract::new()
        .json(form)
        .answers(200, "The device.", DeviceView::schema())
        .then([Link::new("device-forget", &[("id", "/id")])])
        .errors([Error::NotFound, Error::ReauthenticationRequired])
}

/// Parses only `"trusted": false`.
struct EndTrust;

impl FromJson for EndTrust {
    fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::Bool(false) => Ok(Self),
            _ => Err("can only be false, because only a login can trust a device".to_owned()),
        }
    }
}

impl Described for EndTrust {
    fn schema() -> Value {
        json!({ "type": "boolean", "const": false, "examples": [false] })
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let name: Change<DisplayText> = fields.change("name");
    let end_trust = fields.optional::<EndTrust>("trusted").is_some();
    fields.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    caller.require_confirmed_for(context, Action::UpdateDevice).await?;
    let device = find_device(context, &caller).await?.filter(|device| is_active(context, &caller, device));
    let Some(mut device) = device else { return not_found(context, &caller, Action::UpdateDevice).await };
    if name != Change::Keep || end_trust {
        let fields = caller.cipher.item(&Device::key(&device.user_id, &device.id));
        let name = fields.seal_change(Device::NAME, name.map(DisplayText::as_str)).await?;
        let method = if end_trust { "distrust" } else { "rename" };
        let event = context.event(&caller.cipher, Action::UpdateDevice, Outcome::Success, method).await?;
        let mut transaction = app.store.transaction();
        transaction.change_device(&device, DeviceChange { name: &name, end_trust });
        transaction.record_event(&event);
        match app.store.commit(transaction).await {
            Ok(()) => {}
            Err(refused) if refused.is(Condition::Device) => {
                return not_found(context, &caller, Action::UpdateDevice).await;
            }
            Err(error) => return Err(error.into()),
        }
        match name {
            Change::Keep => {}
            Change::Clear => device.name = None,
            Change::Set(name) => device.name = Some(name),
        }
        if end_trust {
            device.state.trust = None;
        }
    }
    Ok(Response::json(StatusCode::OK, &DeviceView::open(app, &caller, &device).await?))
}
