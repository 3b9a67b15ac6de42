//! `GET /v1/csrf`: the CSRF token of the session that the cookies belong to. Without a session, the answer sets a
//! pre-login cookie and has its token.

use serde_json::json;
use shared::{
    context::Context,
    crypto::{key::KeyPurpose, secret::Token},
    error::Error,
    fields::schema,
    http::{Cookie, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

use crate::auth::{
    access_token,
    caller::{self, Presented},
    csrf::{self, Bound},
};

pub const OPERATION: Operation = Operation::http("csrf", |context| Box::pin(handle(context)))
    .summary("returns the CSRF token that requests with cookies carry")
    .routes(&[Route::new("GET", "/v1/csrf")])
    .keys(&[KeyPurpose::Index, KeyPurpose::Refresh, KeyPurpose::Csrf])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new("CsrfToken", "What a request with cookies carries in `X-CSRF-Token`.")
        .with("csrf_token", schema::text("The token.", schema::TOKEN));
    Contract::new().answers(200, "The token, and without a session the cookie that it is bound to.", answer.schema())
}

/// Seconds that the pre-login cookie lasts. A form may stay open as long.
const PRE_LOGIN_SECONDS: i64 = 86_400;

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let answer = |token: String| Response::json(StatusCode::OK, &json!({ "csrf_token": token }));
    if let Some(session_id) = active_session(context).await? {
        return Ok(answer(csrf::issue(app, &Bound::Session(session_id)).await?));
    }
    // An existing cookie stays, so that forms in other tabs still work.
    let value = csrf::pre_login(request).unwrap_or_else(|| Token::random(&*app.rng));
    let cookie = Cookie::PreLogin.set(&value.encode(), PRE_LOGIN_SECONDS);
    Ok(answer(csrf::issue(app, &Bound::Browser(value)).await?).with_cookie(cookie))
}

/// The session that the cookies belong to, if it is active.
async fn active_session(context: Context<'_>) -> Result<Option<Token>, Error> {
    let ids = match caller::presented(context).await {
        Ok(Presented { user_id, session_id, .. }) => Some((user_id, session_id)),
        Err(Error::InvalidToken) => {
            let refresh = csrf::refresh_token(context).await?;
            refresh.map(|token| (token.user_id.clone(), token.session_id.clone()))
        }
        Err(error) => return Err(error),
    };
    let Some((user_id, session_id)) = ids else { return Ok(None) };
    let is_active = access_token::session_is_active(context.app, &user_id, &session_id, None).await?;
    Ok(is_active.then_some(session_id))
}
