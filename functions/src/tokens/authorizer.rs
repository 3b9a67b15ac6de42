//! `authorizer`: a Lambda authorizer (HTTP API, payload 2.0, simple response) for other APIs of the deployment's owner.
//! It checks the access token of the header or, on the same host, of the cookie. If the deployment asks for that, it
//! also checks whether the session is active.
//!
//! A request without a valid token, or with cookies without their CSRF token, is refused with `isAuthorized: false`. API Gateway
//! then answers 403. AWS documents no way to a 401 for HTTP APIs: an error of the authorizer becomes a 500.

use serde_json::{Value, json};
use shared::{
    app::App,
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    http::Request,
    operation::{Access, Operation},
};

use crate::auth::{
    access_token::{self, Audience},
    caller::{self, Presented},
};

pub const OPERATION: Operation = Operation::event("authorizer", |app, event| Box::pin(handle(app, event)))
    .summary("lets callers of your own HTTP APIs in, or refuses them")
    .trigger("Lambda authorizer, no route")
    .access(Access::Authorizer)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf]);

async fn handle(app: &App, event: Value) -> Result<Value, Error> {
    let request = Request::from_authorizer_event(&event, &app.config.allowed_origins);
    let audience = match app.config.authorizer_audiences.as_slice() {
        [] => Audience::Own,
        listed => Audience::OneOf(listed),
    };
    let presented = match caller::presented_for(Context { app, request: &request }, audience).await {
        Ok(presented) => presented,
        Err(Error::InvalidToken | Error::CsrfFailed) => return Ok(refused()),
        Err(error) => return Err(error),
    };
    let checks_session = app.config.authorizer_checks_session;
    let Presented { claims, user_id, session_id, .. } = presented;
    let client = access_token::client(&claims);
    let is_active = async || access_token::session_is_active(app, &user_id, &session_id, client.as_ref()).await;
    if checks_session && !is_active().await? {
        return Ok(refused());
    }
    let mut context = json!({
        "user_id": claims.sub,
        "session_id": claims.sid,
        "scope": claims.scope,
        "roles": claims.roles,
        "permissions": claims.permissions,
        "aal": claims.aal,
        "auth_time": claims.auth_time,
    });
    if let Some(client_id) = claims.client_id {
        context["client_id"] = client_id.into();
    }
    Ok(json!({ "isAuthorized": true, "context": context }))
}

fn refused() -> Value {
    json!({ "isAuthorized": false })
}
