//! `authorizer`: a Lambda authorizer (HTTP API, payload 2.0, simple response) for any API of the user's. It checks the access token of the
//! header or, on the same host, of the cookie; and whether the session is active, if the deployment asks for that.
//!
//! A request without a good token gets 401 from API Gateway (which makes one of the message `Unauthorized`). Cookies without their CSRF
//! token get 403.

use serde_json::{Value, json};
use shared::{
    app::App,
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    http::Request,
    operation::{Access, Operation},
};

use crate::auth::{access_token, caller};

pub const OPERATION: Operation = Operation::event("authorizer", |app, event| Box::pin(handle(app, event)))
    .summary("lets callers of your own HTTP APIs in, or refuses them")
    .trigger("Lambda authorizer, no route")
    .access(Access::Authorizer)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf]);

async fn handle(app: &App, event: Value) -> Result<Value, Error> {
    let request = Request::from_authorizer_event(&event, &app.config.edge());
    let presented = match caller::presented(Context { app, request: &request }).await {
        Ok(presented) => presented,
        Err(Error::CsrfFailed) => return Ok(json!({ "isAuthorized": false })),
        Err(error) => return Err(error),
    };
    let checks_session = app.config.authorizer_checks_session;
    if checks_session && !access_token::session_is_active(app, &presented.user_id, &presented.session_id).await? {
        return Err(Error::SessionRevoked);
    }
    let claims = presented.claims;
    Ok(json!({
        "isAuthorized": true,
        "context": {
            "user_id": claims.sub,
            "session_id": claims.sid,
            "roles": claims.roles,
            "permissions": claims.permissions,
            "aal": claims.aal,
            "auth_time": claims.auth_time,
        },
    }))
}
