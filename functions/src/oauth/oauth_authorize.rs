//! `GET`, `POST /oauth2/authorize`: the authorization endpoint (OAuth 2.1, section 3.1; OpenID Connect Core 1.0, section 3.1.2). A browser
//! with a session that satisfies the request goes back to the app with a code. Any other browser goes to `/login`, and comes back.

use shared::{
    app::App,
    clock::Timestamp,
    context::Context,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        secret::Token,
    },
    domain::{
        audit::{Action, Outcome},
        challenge::AUTHORIZATION_CODE_SECONDS,
        limits::AUTHORIZE_BY_SESSION,
    },
    error::Error,
    fields::form,
    http::{
        Cookie, Method, Parameters, Response, StatusCode,
        rendered_page::{self, Form, Texts},
    },
    operation::{ErrorFormat, Operation, Route, contract::Contract},
    store::{AuthorizationCode, Challenge, Expected, challenge_key},
};

use super::{
    answer::{AuthorizationError, form_target, redirect},
    authentication_time::{self, CTX},
    authorization_request::{self, AuthorizationRequest, KNOWN, Prompt, Refusal},
    browser, claims,
};
use crate::auth::{
    access_token,
    caller::{self, Caller},
    csrf::{self, Bound},
    session::response::{authenticated_at, level},
};

pub const OPERATION: Operation = Operation::http("oauth-authorize", |context| Box::pin(handle(context)))
    .summary("sends a browser back to an app with an authorization code, or to the login page")
    .routes(&[Route::new("GET", PATH), Route::new("POST", PATH)])
    .keys(browser::KEYS)
    .limits(&[AUTHORIZE_BY_SESSION])
    .errors(ErrorFormat::Page)
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .message(authorization_request::described())
        .page(200, "A page that sends a form to the app, or asks the user to continue.")
        .redirects(302, "To the redirect URI with `code`, `state` and `iss`, or with `error`; or to the login page.")
        .redirects(303, "To the same request by GET, or to the redirect URI after the user's answer.")
        .page(400, "The client, the redirect URI or the request is wrong. Nobody is redirected.")
        .errors([Error::CsrfFailed])
}

const PATH: &str = "/oauth2/authorize";

/// The field of the page's form with its CSRF token.
pub(super) const CSRF: &str = "csrf_token";

/// What must happen before the app gets a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// The user must authenticate.
    Login,
    /// The user must create an account, or authenticate.
    Registration,
    /// The user must confirm the login, which was suspicious.
    Confirmation,
    /// The user must prove the second factor.
    SecondFactor,
}

/// The user that a request's ID token names, if it has one as its hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HintedUser {
    /// The browser's user, or there is no hint.
    Own,
    Other,
}

/// A request with what was learned of it.
struct Asked<'a> {
    context: Context<'a>,
    parameters: &'a Parameters,
    request: &'a AuthorizationRequest,
    /// The signed time of the request.
    since: Option<Timestamp>,
    user: Option<Caller<'a>>,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let request = context.request;
    let parameters = Parameters::parse(request.oauth_message()?);
    if let Some(what) = parameters.length_fault(&[CTX, CSRF]) {
        return rendered_page::refusal(context.reader(), what);
    }
    // A foreign page may post the request (OpenID Connect Core 1.0, section 3.1.2.1). Cookies with SameSite=Lax come only with GET.
    let is_foreign = request.method == Method::POST && parameters.get(CSRF).is_none();
    if is_foreign && parameters.fault(KNOWN).is_none() {
        return redirect(&format!("{PATH}?{}", form::encode(&parameters.without(&[]))), StatusCode::SEE_OTHER);
    }
    answer(context, &parameters).await
}

async fn answer(context: Context<'_>, parameters: &Parameters) -> Result<Response, Error> {
    let app = context.app;
    let presented = caller::presented_by_browser(context).await?;
    let session_hash = match &presented {
        Some(presented) => Some(access_token::session_hash(app, &presented.session_id).await?),
        None => None,
    };
    let client = async {
        match authorization_request::client_id(parameters) {
            Some(id) => app.store.oauth_client(&id).await,
            None => Ok(None),
        }
    };
    let counted = async {
        match &session_hash {
            Some(hash) => app.store.count(app.config.limit(AUTHORIZE_BY_SESSION), hash, app.clock.now()).await,
            None => Ok(()),
        }
    };
    let (client, user, counted) = futures::future::join3(client, browser::user(app, presented), counted).await;
    let request = match AuthorizationRequest::parse(parameters, client?) {
        Ok(request) => request,
        Err(Refusal::Page(what)) => return rendered_page::refusal(context.reader(), what),
        Err(Refusal::Client(destination, error)) => return destination.refuse(context, error).await,
    };
    counted?;
    let since = authentication_time::of(app, parameters).await?;
    Asked { context, parameters, request: &request, since, user: user? }.decide().await
}

/// Whether the deployment has a sign-in provider with this id.
async fn is_offered(app: &App, provider: &str) -> Result<bool, Error> {
    let Some(name) = &app.config.providers else { return Ok(false) };
    Ok(app.keyring.listed_providers(name).await?.iter().any(|listed| listed.id == provider))
}

impl Asked<'_> {
    async fn decide(&self) -> Result<Response, Error> {
        let Self { context, request, .. } = *self;
        let (app, destination) = (context.app, &request.destination);
        let silent = request.has(Prompt::None);
        if let Some(provider) = &request.identity_provider
            && !is_offered(app, provider).await?
        {
            return destination.refuse(context, AuthorizationError::InvalidRequest).await;
        }
        let hinted = match &request.id_token_hint {
            Some(hint) => match claims::of_hint(app, hint).await? {
                Some(hint) => Some(hint),
                None => return destination.refuse(context, AuthorizationError::InvalidRequest).await,
            },
            None => None,
        };
        let Some(user) = &self.user else {
            // The browser may have a session and an expired access token. The login page refreshes it.
            let may_have_session = context.request.cookie(Cookie::Session).is_some();
            return match may_have_session {
                _ if request.has(Prompt::Create) => self.log_in(Some(Missing::Registration)).await,
                true => self.log_in(None).await,
                false if silent => destination.refuse(context, AuthorizationError::LoginRequired).await,
                false => self.log_in(Some(Missing::Login)).await,
            };
        };
        let hinted = match hinted {
            Some(hint) if hint.sub != user.account.id.to_string() => HintedUser::Other,
            _ => HintedUser::Own,
        };
        match self.missing(user, hinted) {
            Some(Missing::SecondFactor) if silent => {}
            Some(_) if silent => return destination.refuse(context, AuthorizationError::LoginRequired).await,
            Some(missing) => return self.log_in(Some(missing)).await,
            None => {}
        }
        let asks_user = !request.client.id.is_local() && destination.uri.is_loopback_or_private();
        if asks_user && silent {
            return destination.refuse(context, AuthorizationError::InteractionRequired).await;
        }
        let status = match self.parameters.get(CSRF) {
            Some(token) if context.request.method == Method::POST => {
                csrf::check_form(context, token, &[Bound::Session(user.session_id.clone())]).await?;
                StatusCode::SEE_OTHER
            }
            _ if asks_user => return self.continue_as(user).await,
            _ => StatusCode::FOUND,
        };
        let code = self.issue_code(user).await?;
        destination.code(context, &code, status).await
    }

    /// What the session lacks for this request.
    fn missing(&self, user: &Caller<'_>, hinted: HintedUser) -> Option<Missing> {
        let request = self.request;
        let (session, now) = (&user.session, self.context.app.clock.now());
        let authenticated_at = authenticated_at(session);
        let is_new = authenticated_at.is_some_and(|at| self.is_after_request(at));
        let age = authenticated_at.map(|at| now.seconds() - at.seconds());
        let is_too_old = request.max_age.is_some_and(|most| most == 0 || age.is_none_or(|age| age > most));
        // The user logged in for this request, though maybe without credentials.
        let has_logged_in = self.is_after_request(session.auth_time);
        if request.has(Prompt::Create) && !has_logged_in {
            return Some(Missing::Registration);
        }
        if hinted == HintedUser::Other || request.has(Prompt::SelectAccount) && !has_logged_in {
            return Some(Missing::Login);
        }
        if (request.has(Prompt::Login) || is_too_old) && !is_new {
            let waits = session.unconfirmed && has_logged_in;
            return Some(if waits { Missing::Confirmation } else { Missing::Login });
        }
        // `acr_values` is a voluntary claim: users without a second factor get a code all the same.
        let has_second_factor = user.account.mfa_since.is_some();
        (request.wants_aal2 && has_second_factor && level(session, now) != "aal2").then_some(Missing::SecondFactor)
    }

    /// Whether a time is after the request came for the first time.
    fn is_after_request(&self, at: Timestamp) -> bool {
        self.since.is_some_and(|since| at > since)
    }

    /// Sends the browser to the login page, to registration or to a provider. Each of them leads back to this request. Without a
    /// `missing`, the login page first refreshes the session that the browser may have.
    async fn log_in(&self, missing: Option<Missing>) -> Result<Response, Error> {
        let Self { context, parameters, request, .. } = *self;
        let app = context.app;
        let since = self.since.unwrap_or_else(|| app.clock.now());
        let ctx = authentication_time::sign(app, parameters, since).await?;
        let mut back = parameters.without(&[CTX, CSRF]);
        back.push((CTX, &ctx));
        let back = format!("{PATH}?{}", form::encode(&back));
        let max_age = request.max_age.map(|seconds| seconds.to_string());
        let forces_login = request.has(Prompt::Login);
        let mut hints = vec![("continue", back.as_str())];
        // Once the user has authenticated for this request, another answer of the provider would change nothing.
        let has_authenticated = self.user.as_ref().is_some_and(|user| self.is_after_request(user.session.auth_time));
        let at_provider = missing == Some(Missing::Login) && !has_authenticated && !request.has(Prompt::None);
        if let Some(provider) = request.identity_provider.as_deref().filter(|_| at_provider) {
            match forces_login {
                true => hints.push(("prompt", "login")),
                false if request.has(Prompt::SelectAccount) => hints.push(("prompt", "select_account")),
                false => {}
            }
            hints.extend(max_age.as_deref().map(|seconds| ("max_age", seconds)));
            return redirect(&format!("/v1/providers/{provider}/start?{}", form::encode(&hints)), StatusCode::FOUND);
        }
        if missing == Some(Missing::Registration) {
            return redirect(&format!("/register?{}", form::encode(&hints)), StatusCode::FOUND);
        }
        match missing {
            Some(Missing::SecondFactor | Missing::Confirmation) => hints.push(("step_up", "1")),
            _ if request.has(Prompt::None) => hints.push(("prompt", "none")),
            Some(_) => hints.push(("prompt", "login")),
            None => {}
        }
        hints.extend(request.login_hint.as_deref().map(|hint| ("login_hint", hint)));
        hints.extend(parameters.get("ui_locales").map(|locales| ("ui_locales", locales)));
        redirect(&format!("/login?{}", form::encode(&hints)), StatusCode::FOUND)
    }

    /// Asks the user to go on. Any app can claim a loopback address or a private scheme, so no code goes to one without the user's
    /// knowledge (RFC 8252, section 8.6).
    async fn continue_as(&self, user: &Caller<'_>) -> Result<Response, Error> {
        let app = self.context.app;
        let name = browser::display_name(&user.cipher, &user.account).await?;
        let token = csrf::issue(app, &Bound::Session(user.session_id.clone())).await?;
        let mut fields = self.parameters.without(&[CSRF]);
        fields.push((CSRF, &token));
        let targets: Vec<String> =
            std::iter::once("'self'".to_owned()).chain(form_target(&self.request.destination.uri)).collect();
        let form = Form { action: PATH, fields: &fields, submits_itself: false, targets: &targets };
        let values = [("app", self.request.client.name.as_str()), ("name", &name)];
        let texts = Texts { name: "continue", values: &values };
        Ok(rendered_page::form(self.context.reader(), texts, &form)?.posts_to_this_host())
    }

    /// Issues a code for the user. It is bound to the browser's session.
    async fn issue_code(&self, user: &Caller<'_>) -> Result<String, Error> {
        let Self { context, request, .. } = *self;
        let (app, client) = (context.app, &context.request.client);
        let code = Token::random(&*app.rng);
        let index = app.keyring.get(KeyPurpose::Index).await?;
        let hash = lookup_hash(&index, Subject::AuthorizationCode, code.bytes());
        let fields = user.cipher.item(&challenge_key(&hash));
        let payload = AuthorizationCode {
            client: request.client.id.clone(),
            redirect_uri: request.destination.uri.as_str().to_owned(),
            code_challenge: request.code_challenge.clone(),
            scopes: request.scopes.clone(),
            session_hash: user.session.hash.clone(),
            nonce: fields.seal_some(AuthorizationCode::NONCE, request.nonce.as_deref()).await?,
            ip: fields.seal(AuthorizationCode::IP, &client.ip.to_string()).await?,
            user_agent: fields.seal(AuthorizationCode::USER_AGENT, &client.user_agent).await?,
        };
        let ends_at = app.clock.now().plus_seconds(AUTHORIZATION_CODE_SECONDS);
        let challenge = Challenge::new(&hash, &user.account.id, payload, Expected::NoStoredHash, ends_at);
        let event = context.event(&user.cipher, Action::Authorize, Outcome::Success, "code").await?;
        let mut transaction = app.store.transaction();
        transaction.issue_challenge(&challenge);
        transaction.record_event(&event);
        app.store.commit(transaction).await?;
        Ok(code.encode())
    }
}
