//! `authorizer`: a Lambda authorizer (HTTP API, payload 2.0, simple response) for any API of the user's. Checks the access token, of the
//! header or of the cookie on the same host; where the deployment asks for it, that the session still lives.
//!
//! Who isn't let in for want of a good token gets a 401 from API Gateway (it makes one of the message `Unauthorized`), and a 403 where
//! cookies come without their CSRF token.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::{app::App, crypto::key::KeyPurpose, error::Error, http::Request, operation::Operation};

use crate::auth::caller;

/// `authorizer`
pub const OPERATION: Operation =
    Operation::event("authorizer", &[KeyPurpose::Index, KeyPurpose::Csrf], |app, event| Box::pin(handle(app, event)));

async fn handle(app: Arc<App>, event: Value) -> Result<Value, Error> {
    let request = Request::from_authorizer_event(&event, &app.config);
    let presented = match caller::presented(&app, &request).await {
        Ok(presented) => presented,
        Err(Error::CsrfFailed) => return Ok(json!({ "isAuthorized": false })),
        Err(error) => return Err(error),
    };
    let checked = app.config.authorizer_checks_session;
    if checked && !caller::session_is_active(&app, &presented.user_id, &presented.session_id).await? {
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
