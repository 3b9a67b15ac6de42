//! `GET`, `POST /oauth2/logout`: logout that an app starts (OpenID Connect RP-Initiated Logout 1.0). With an ID token as hint it ends the
//! browser's session and the app's own. Without one a page asks first, because any page can send a browser here.

use shared::{
    app::App,
    context::Context,
    crypto::{key::KeyPurpose, secret::Token},
    domain::{
        audit::{Action, Outcome},
        ids::UserId,
        oauth::{client::ClientId, redirect_uri::RedirectUri},
        session::Transport,
    },
    error::Error,
    fields::schema,
    http::{
        Cookie, Method, Parameters, Response, StatusCode,
        rendered_page::{self, Form, Texts},
    },
    operation::{ErrorFormat, Operation, Route, contract::Contract},
    store::{OAuthClient, Session, SessionsQuery, UserQuery},
};

use super::{
    answer::{form_target, redirect, with_query},
    claims, client_authentication,
};
use crate::auth::{
    access_token,
    caller::{self, Presented},
    csrf::{self, Bound},
    session::{
        end::{Ending, end},
        response::without_session_cookies,
    },
};

pub const OPERATION: Operation = Operation::http("oauth-logout", |context| Box::pin(handle(context)))
    .summary("logs a browser out for an app, or asks first")
    .routes(&[Route::new("GET", PATH), Route::new("POST", PATH)])
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .errors(ErrorFormat::Page)
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("OAuthLogout")
        .parameter(
            "id_token_hint",
            "An ID token of the session that ends.",
            schema::text("", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"),
        )
        .parameter("client_id", "The id of the client.", schema::text("", client_authentication::CLIENT_ID))
        .parameter(
            "post_logout_redirect_uri",
            "Where the browser goes afterwards: a registered URI.",
            schema::text("", "https://app.example.org/"),
        )
        .parameter("state", "Comes back with the redirect.", schema::text("", "af0ifjsldkj"))
        .parameter("ui_locales", "The languages of the pages.", schema::text("", "en"))
        .parameter("csrf_token", "The token of this service's own form.", schema::text("", schema::TOKEN));
    Contract::new()
        .message(form)
        .page(200, "The browser is logged out, or a page asks the user.")
        .redirects(303, "To the registered URI, or to the login page and back.")
        .page(400, "The request is wrong.")
        .errors([Error::CsrfFailed])
}

const PATH: &str = "/oauth2/logout";

/// The field of the page's form with its CSRF token.
const CSRF: &str = "csrf_token";

/// The parameters of the request. None of them may be repeated.
const KNOWN: &[&str] =
    &["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint", "ui_locales", CSRF];

/// The session that an app's hint names.
struct HintedSession {
    user_id: UserId,
    /// The browser's session.
    session_id: Token,
    client: ClientId,
}

impl HintedSession {
    /// The session of the request's hint, if this service signed it.
    async fn of(app: &App, parameters: &Parameters) -> Result<Option<Self>, Error> {
        let Some(hint) = parameters.get("id_token_hint") else { return Ok(None) };
        Ok(claims::of_hint(app, hint).await?.and_then(|claims| {
            let user_id = UserId::parse(&claims.sub)?;
            Some(Self { user_id, session_id: Token::parse(&claims.sid)?, client: ClientId::parse(&claims.aud)? })
        }))
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let parameters = Parameters::parse(request.oauth_message()?);
    if let Some(what) = parameters.length_fault(&[CSRF]).or_else(|| parameters.fault(KNOWN)) {
        return rendered_page::refusal(context.reader(), what);
    }
    let presented = caller::presented_by_browser(context).await?;
    if presented.is_none() && request.cookie(Cookie::Session).is_some() {
        // The browser has no current access token. The login page refreshes its session, or removes the marker.
        let back = with_query(PATH, &parameters.without(&[CSRF]));
        return redirect(&with_query("/login", &[("continue", &back), ("prompt", "none")]), StatusCode::SEE_OTHER);
    }
    let named = parameters.get("client_id");
    let hinted = HintedSession::of(app, &parameters).await?.filter(|hinted| {
        named.is_none_or(|named| named == hinted.client.as_str())
            && presented.as_ref().is_none_or(|presented| presented.user_id == hinted.user_id)
    });
    let client = match hinted.as_ref().map(|hinted| hinted.client.clone()).or_else(|| ClientId::parse(named?)) {
        Some(id) => app.store.oauth_client(&id).await?,
        None => None,
    };
    let after = AfterLogout::of(&parameters, client.as_ref());
    if let Some(hinted) = hinted {
        end_sessions(context, &hinted.user_id, &hinted.session_id, Some(&hinted.client)).await?;
        // The cookies of a browser that did not send them stay: they may be those of another user.
        let Some(Presented { user_id, session_id, .. }) = presented else { return after.answer(context) };
        // The user may have logged in again since.
        if session_id != hinted.session_id {
            end_sessions(context, &user_id, &session_id, None).await?;
        }
        return after.answer(context).map(without_cookies);
    }
    let Some(Presented { user_id, session_id, .. }) = presented else {
        // An app's page may post the request (OpenID Connect RP-Initiated Logout 1.0, section 2). Cookies with SameSite=Lax come only
        // with GET, so the browser may have a session all the same. No hint and no token gets into a URL.
        if request.method == Method::POST {
            let parameters = parameters.without(&["id_token_hint", "logout_hint", CSRF]);
            return redirect(&with_query(PATH, &parameters), StatusCode::SEE_OTHER);
        }
        return after.answer(context);
    };
    match parameters.get(CSRF) {
        Some(token) if request.method == Method::POST => {
            csrf::check_form(context, token, &[Bound::Session(session_id.clone())]).await?;
            end_sessions(context, &user_id, &session_id, None).await?;
            after.answer(context).map(without_cookies)
        }
        _ => ask(context, &parameters, &after, &session_id).await,
    }
}

/// Where a browser goes after the logout.
struct AfterLogout {
    /// One of the client's registered URIs, with `state`.
    to: Option<(RedirectUri, Option<String>)>,
}

impl AfterLogout {
    fn of(parameters: &Parameters, client: Option<&OAuthClient>) -> Self {
        let uri = parameters.get("post_logout_redirect_uri");
        let uri = uri.and_then(|uri| client?.post_logout_redirect_uri(uri));
        Self { to: uri.map(|uri| (uri, parameters.get("state").map(str::to_owned))) }
    }

    fn answer(&self, context: Context<'_>) -> Result<Response, Error> {
        let uri = match &self.to {
            None => return rendered_page::message(context.reader(), Texts::plain("logged_out")),
            Some((uri, None)) => uri.as_str().to_owned(),
            Some((uri, Some(state))) => with_query(uri.as_str(), &[("state", state)]),
        };
        redirect(&uri, StatusCode::SEE_OTHER)
    }
}

fn without_cookies(response: Response) -> Response {
    without_session_cookies(response, Transport::Cookie)
}

/// The page that asks.
async fn ask(
    context: Context<'_>,
    parameters: &Parameters,
    after: &AfterLogout,
    session_id: &Token,
) -> Result<Response, Error> {
    let token = csrf::issue(context.app, &Bound::Session(session_id.clone())).await?;
    // A hint that was not accepted does not come back.
    let mut fields = parameters.without(&["id_token_hint", CSRF]);
    fields.push((CSRF, &token));
    let targets: Vec<String> =
        std::iter::once("'self'".to_owned()).chain(after.to.as_ref().and_then(|(uri, _)| form_target(uri))).collect();
    let form = Form { action: PATH, fields: &fields, submits_itself: false, targets: &targets };
    Ok(rendered_page::form(context.reader(), Texts::plain("ask_logout"), &form)?.posts_to_this_host())
}

/// Ends a browser's session, and those that a client got from it.
async fn end_sessions(
    context: Context<'_>,
    user_id: &UserId,
    session_id: &Token,
    client: Option<&ClientId>,
) -> Result<(), Error> {
    let app = context.app;
    let hash = access_token::session_hash(app, session_id).await?;
    end_one(context, user_id, &hash).await?;
    let Some(client) = client else { return Ok(()) };
    let mut sessions = SessionsQuery::of_client(user_id, client, &hash);
    while let Some(page) = app.store.next_sessions(&mut sessions).await? {
        for session in page {
            end_one(context, user_id, &session.hash).await?;
        }
    }
    Ok(())
}

/// Ends a session, if it is stored and active.
async fn end_one(context: Context<'_>, user_id: &UserId, hash: &str) -> Result<(), Error> {
    let app = context.app;
    let record = app.store.load(user_id, UserQuery::session(hash)).await?;
    let Some((account, session, cipher)) = caller::complete(app, record) else { return Ok(()) };
    let (action, outcome, method) = (Action::Logout, Outcome::Success, method(&session));
    let ending = Ending { reason: "oauth_logout", action, outcome, method };
    end(context, (&account, &session, &cipher), ending).await?;
    Ok(())
}

const fn method(session: &Session) -> &'static str {
    match session.grant {
        Some(_) => "app",
        None => "browser",
    }
}
