//! `GET /v1/csrf`: the CSRF token of the session that the cookies belong to or, without one, of a cookie that is given for it.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::{key::KeyPurpose, secret::Token},
    error::Error,
    http::{Cookie, Request, Response, StatusCode},
    operation::Operation,
};

use crate::auth::{
    caller::{self, Presented},
    csrf::{self, Bound},
};

/// `csrf`
pub const OPERATION: Operation =
    Operation::http("csrf", &[KeyPurpose::Index, KeyPurpose::Refresh, KeyPurpose::Csrf], |app, request| {
        Box::pin(handle(app, request))
    });

/// How long the pre-login cookie lasts, in seconds: as long as somebody may leave a form open.
const PRE_LOGIN_SECONDS: i64 = 86_400;

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let answer = |token: String| Response::json(StatusCode::OK, &json!({ "csrf_token": token }));
    if let Some(session_id) = living_session(&app, &request).await? {
        return Ok(answer(csrf::issue(&app, &Bound::Session(session_id)).await?));
    }
    // A cookie that is there stays, so that forms in other tabs go on working.
    let value = csrf::pre_login(&request).unwrap_or_else(|| Token::random(&*app.rng));
    let cookie = Cookie::PreLogin.set(&value.encode(), PRE_LOGIN_SECONDS);
    Ok(answer(csrf::issue(&app, &Bound::Browser(value)).await?).with_cookie(cookie))
}

/// The session that the cookies belong to, if it lives.
async fn living_session(app: &App, request: &Request) -> Result<Option<Token>, Error> {
    let ids = match caller::presented(app, request).await {
        Ok(Presented { user_id, session_id, .. }) => Some((user_id, session_id)),
        Err(Error::InvalidToken) => {
            let refresh = csrf::refresh_token(app, request).await?;
            refresh.map(|token| (token.user_id.clone(), token.session_id.clone()))
        }
        Err(error) => return Err(error),
    };
    let Some((user_id, session_id)) = ids else { return Ok(None) };
    Ok(caller::session_is_active(app, &user_id, &session_id).await?.then_some(session_id))
}
