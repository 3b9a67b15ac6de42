//! `POST /v1/token/introspect` (RFC 7662): whether an access token is good at this moment, for resource servers that sign their requests
//! with IAM. Says inactive as soon as the session has ended.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use shared::{
    app::App,
    crypto::{
        access_token::{self, Claims},
        key::KeyPurpose,
        secret::Token,
    },
    domain::{ids::UserId, session::OpaqueText},
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
};

use crate::auth::caller;

/// `token-introspect`
pub const OPERATION: Operation =
    Operation::http("token-introspect", &[KeyPurpose::Index], |app, request| Box::pin(handle(app, request)));

#[derive(Serialize)]
struct Active {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: Claims,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.form()?;
    let token: Option<OpaqueText> = fields.required("token");
    // Section 2.1: a hint may be left unheeded, and only access tokens are good anywhere else than here.
    let _hint: Option<String> = fields.optional("token_type_hint");
    let token = fields.finish(|| token)?;
    // Section 2.2: of a token that isn't active nothing more is told.
    Ok(match active(&app, &token.0).await? {
        Some(claims) => Response::json(StatusCode::OK, &Active { active: true, token_type: "Bearer", claims }),
        None => Response::json(StatusCode::OK, &json!({ "active": false })),
    })
}

async fn active(app: &App, token: &str) -> Result<Option<Claims>, Error> {
    let Some(claims) = caller::verified(app, token).await? else { return Ok(None) };
    if !access_token::is_current(&claims, app.clock.now()) {
        return Ok(None);
    }
    let Some((user_id, session_id)) = UserId::parse(&claims.sub).zip(Token::parse(&claims.sid)) else {
        return Ok(None);
    };
    Ok(caller::session_is_active(app, &user_id, &session_id).await?.then_some(claims))
}
