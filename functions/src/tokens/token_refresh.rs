//! `POST /v1/token/refresh`: a new pair of tokens. The live refresh token is spent. The token that was just spent gets
//! the same successor again. An older one was copied, so it ends the session.
//!
//! With cookies, a live session is refreshed only with its CSRF token. A refusal because there is no active session needs none,
//! because it changes nothing. Its answer clears the cookies, so that no page takes the browser for one with a session.

use shared::{
    context::Context,
    crypto::{
        key::{KeyPurpose, KeySet},
        refresh_token::RefreshToken,
    },
    domain::{
        audit::Action,
        limits::REFUSED_TOKEN_BY_SESSION,
        session::{OpaqueText, Transport},
    },
    error::Error,
    fields::schema,
    http::{Cookie, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
    store::{Retries, UserQuery},
};

use crate::auth::{
    access_token,
    csrf::{self, Bound},
    session::{
        response::{Authenticated, SessionTokens, without_session_cookies},
        rotation::Snapshot,
    },
};

pub const OPERATION: Operation = Operation::http("token-refresh", |context| Box::pin(handle(context)))
    .summary("returns a new pair of tokens; a copied refresh token ends the session")
    .routes(&[Route::new("POST", "/v1/token/refresh")])
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Refresh,
        KeyPurpose::Csrf,
        KeyPurpose::Signing,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[REFUSED_TOKEN_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("TokenRefresh")
        .optional::<OpaqueText>("refresh_token", "The refresh token. With cookies, the browser's cookie has it.");
    Contract::new()
        .json(form)
        .answers(200, "The next pair of tokens.", Authenticated::schema())
        .then(Authenticated::LINKS)
        .errors([Error::InvalidToken, Error::SessionRevoked, Error::CsrfFailed])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let (token, transport) = match presented(context).await? {
        Presented::Token(token, transport) => (token, transport),
        // Other cookies stay, because they may belong to an active session: a sibling domain can plant `__Secure-refresh`, and make
        // the browser send this request.
        Presented::Nothing(error) => {
            let answer = error.into_response(&context.request.answer_context());
            return Ok(answer.with_cookie(Cookie::Session.clear()));
        }
    };
    match refresh(context, &token, transport).await {
        Err(error @ Error::SessionRevoked) => {
            Ok(without_session_cookies(error.into_response(&context.request.answer_context()), transport))
        }
        // An app's token is no session of this browser.
        Err(error @ Error::InvalidToken) if transport == Transport::Cookie => {
            let answer = error.into_response(&context.request.answer_context());
            Ok(answer.with_cookie(Cookie::Session.clear()))
        }
        done => done,
    }
}

async fn refresh(context: Context<'_>, token: &RefreshToken, transport: Transport) -> Result<Response, Error> {
    let app = context.app;
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let session_hash = access_token::session_hash(app, &token.session_id).await?;
    // A request that loses a race finds the token just spent, so its next attempt succeeds.
    let mut retries = Retries::on_conflict();
    loop {
        let record = app.store.load(&token.user_id, UserQuery::session(&session_hash)).await?;
        let (Some(account), Some(salt)) = (record.account, record.salt) else { return Err(Error::SessionRevoked) };
        let cipher = app.user_cipher(salt);
        // A session that was swept ended long ago, and leaves no event.
        let session = record.session.ok_or(Error::SessionRevoked)?;
        if !access_token::is_active(app, &account, &session) {
            let limited = (REFUSED_TOKEN_BY_SESSION, session.hash.as_str());
            let action = (Action::Refresh, "refresh_token");
            return context.refuse_limited(&cipher, action, Error::SessionRevoked, limited).await;
        }
        if session.grant.is_some() {
            return Err(Error::InvalidToken); // an app refreshes at the token endpoint
        }
        if transport == Transport::Cookie {
            csrf::check(context, &[Bound::Session(token.session_id.clone())]).await?;
        }
        let snapshot = Snapshot { context, account: &account, session: &session, cipher: &cipher };
        let done = rotate(snapshot, &keys, token, transport).await;
        if !retries.again(&done) {
            return done;
        }
    }
}

enum Presented {
    Token(RefreshToken, Transport),
    /// The browser has cookies of a session, and no refresh token of this service and its device.
    Nothing(Error),
}

/// The refresh token of the body or, without one, of the cookie.
async fn presented(context: Context<'_>) -> Result<Presented, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    if !fields.has("refresh_token") {
        let in_cookie = request.cookie(Cookie::Refresh).is_some();
        if in_cookie || request.has_cookie(Cookie::Session) {
            fields.finish(|| Some(()))?;
            let error = if in_cookie { Error::InvalidToken } else { Error::SessionRevoked };
            let token = csrf::refresh_token(context).await?;
            return Ok(token.map_or(Presented::Nothing(error), |token| Presented::Token(token, Transport::Cookie)));
        }
    }
    let token: Option<OpaqueText> = fields.required("refresh_token");
    let token = fields.finish(|| token)?;
    let keys = app.keyring.get(KeyPurpose::Refresh).await?;
    let token = RefreshToken::parse(&keys, &token.0).ok_or(Error::InvalidToken)?;
    Ok(Presented::Token(token, Transport::Token))
}

async fn rotate(
    snapshot: Snapshot<'_>,
    keys: &KeySet,
    token: &RefreshToken,
    transport: Transport,
) -> Result<Response, Error> {
    let Snapshot { context, account, cipher, .. } = snapshot;
    let rotation = snapshot.rotation(keys, token).await?;
    let session = &rotation.session;
    let grant = SessionTokens { cipher, account, session, id: &token.session_id, transport };
    let answer = grant.authenticated(context.app, &rotation.successor).await?;
    rotation.commit().await?;
    Ok(answer.into_response(StatusCode::OK))
}
