//! `GET` and `POST /v1/providers/{provider}/callback`: the provider's answer, brought by the browser that went there. It logs in, or
//! links the identity to the session that asked for it.

use serde_json::Value;
use shared::{
    clock::Timestamp,
    context::Context,
    crypto::{device_token::DeviceToken, key::KeyPurpose},
    domain::{
        audit::Action,
        challenge::SECOND_FACTOR_SECONDS,
        continue_path::ContinuePath,
        limits::{PROVIDER_CALLBACK_BY_NETWORK, REFUSED_ANSWER_BY_NETWORK},
        provider::{LoginError, Preset, Provider},
    },
    error::Error,
    fields::schema,
    http::{Cookie, Parameters, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
    providers::{AuthorizationAnswer, ProviderUser, display_name},
    store::{AuditEvent, Challenge, Condition, ProviderState, Retries, SecretKind, UserQuery},
};

use super::{
    outcome::Outcome,
    refusal::{Refusal, login_page, of_failure, second_factor_page},
    refused::{self, Concerned},
    sign_in::ProviderLogin,
};
use crate::auth::{
    access_token, caller,
    continuation_token::Step,
    identity::{AccountIdentity, LinkError, ProvenIdentity},
    limits,
    new_account::Recovery,
    provider_request::{self, ProviderRequest},
};

pub const OPERATION: Operation = Operation::http("provider-callback", |context| Box::pin(handle(context)))
    .summary("takes a sign-in provider's answer: logs in, or links the identity")
    .routes(&[
        Route::new("GET", "/v1/providers/{provider}/callback"),
        Route::new("POST", "/v1/providers/{provider}/callback"),
    ])
    .memory(512)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Providers,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ])
    .limits(&[PROVIDER_CALLBACK_BY_NETWORK, REFUSED_ANSWER_BY_NETWORK])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Form::new("ProviderAnswer")
        .parameter("state", "The state of `providerStart`.", schema::text("", schema::TOKEN))
        .parameter("error", "Why the provider refused.", schema::text("", "access_denied"))
        .parameter("code", "The code of the provider.", schema::text("", schema::TOKEN))
        .parameter("iss", "The issuer (RFC 9207).", schema::text("", "https://provider.example"))
        .parameter(
            "user",
            "The user's name, as Apple sends it.",
            schema::text("", "{\"name\":{\"firstName\":\"Ada\"}}"),
        );
    Contract::new()
        .message(answer)
        .redirects(302, "To `continue`, to `/login/mfa`, or to `/login` with an `error`.")
        .redirects(303, "The same after a POST.")
        .errors([Error::NotFound])
}

/// The parameters that are read.
const PARAMETERS: &[&str] = &["state", "error", "code", "iss", "user"];

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let request = context.request;
    // Others in the network of a recognised device must not use up its answers. Each needs the state of a start that was counted.
    let index = context.app.keyring.get(KeyPurpose::Index).await?;
    let device = request.cookie(Cookie::Device).and_then(|token| DeviceToken::parse(&index, token));
    if device.is_none() {
        limits::count_network(context, PROVIDER_CALLBACK_BY_NETWORK).await?;
    }
    let provider = &provider_request::find(context).await?;
    // A browser that follows a redirect of a POST with the same method would post again (RFC 9110, section 15.4.4).
    let status = if request.is_safe() { StatusCode::FOUND } else { StatusCode::SEE_OTHER };
    let to = |location: &str| Response::empty(status).redirecting(status, location);
    let is_counted = device.is_none();
    let continue_path = ContinuePath::account();
    let mut callback = Callback { context, provider, is_counted, continue_path, is_claimed: false };
    let done = callback.answer().await;
    // An answer of this browser's own ends the login that waits for its second factor. The cookie is cleared even if the request did not
    // send it: browsers leave it out of requests that another site began.
    let cookie = match &done {
        Ok(Some(Outcome::SecondFactor(asked))) => Some(Cookie::Mfa.set(&asked.token, SECOND_FACTOR_SECONDS)),
        _ => callback.is_claimed.then(|| Cookie::Mfa.clear()),
    };
    let answer = match done {
        Ok(Some(Outcome::SignedIn(answer) | Outcome::Created(answer))) => {
            answer.into_response(status).redirecting(status, callback.continue_path.as_str())
        }
        Ok(Some(Outcome::SecondFactor(asked))) => to(&second_factor_page(&asked, &callback.continue_path)),
        Ok(None) => to(callback.continue_path.as_str()),
        Err(Refusal::ToLogin(error)) => to(&login_page(error, &callback.continue_path)),
        Err(Refusal::Failed(error)) => return Err(error),
    };
    Ok(cookie.into_iter().fold(answer, Response::with_cookie))
}

/// An answer in progress.
struct Callback<'a> {
    context: Context<'a>,
    provider: &'a Provider,
    /// Whether the request was counted.
    is_counted: bool,
    /// Where the browser goes afterwards. The state has it.
    continue_path: ContinuePath,
    /// Whether this browser began the login.
    is_claimed: bool,
}

impl<'a> Callback<'a> {
    /// Takes the answer. Returns nothing where it linked an identity. Every refusal that leads to the login page is recorded, at most
    /// ten per network in 15 minutes.
    async fn answer(&mut self) -> Result<Option<Outcome>, Refusal> {
        let app = self.context.app;
        let sent = match self.context.request.oauth_parameters(PARAMETERS) {
            Ok(sent) => sent,
            Err(Error::InvalidRequest(_)) => return self.refuse_unclaimed("", LoginError::InvalidRequest).await,
            Err(error) => return Err(error.into()),
        };
        let state = sent.get("state").unwrap_or_default();
        let challenge = match self.claim(state).await {
            Ok(challenge) => challenge,
            Err(Refusal::ToLogin(error)) => return self.refuse_unclaimed(state, error).await,
            Err(failed) => return Err(failed),
        };
        self.is_claimed = true;
        let asked = provider_request::open(app, &challenge).await?;
        self.continue_path = ContinuePath::parse(&asked.continue_path).unwrap_or_else(ContinuePath::account);
        let done = match self.identify(&sent, &asked).await {
            Ok(user) => match &challenge.payload.session_hash {
                Some(session) => self.link(&challenge, session, &user).await.map(|()| None),
                None => self.log_in(&challenge, &asked, &user).await.map(Some),
            },
            Err(refusal) => Err(refusal),
        };
        // A state is good for one answer, whatever came of it. Only after a failure of this service the browser may repeat it.
        if let Err(Refusal::ToLogin(error)) = &done {
            let mut transaction = app.store.transaction();
            transaction.withdraw_challenge(&challenge.id);
            if !error.concerns_account()
                && let Some(event) = self.event_of_refusal(state, Some(&challenge), *error).await?
            {
                transaction.record_event(&event);
            }
            app.store.commit(transaction).await.map_err(Error::from)?;
        }
        done
    }

    /// Refuses an answer that this browser did not ask for, or that was brought before. It is nobody's, so it counts by its network
    /// in any case.
    async fn refuse_unclaimed<T>(&self, state: &str, error: LoginError) -> Result<T, Refusal> {
        let app = self.context.app;
        if !self.is_counted {
            limits::count_network(self.context, PROVIDER_CALLBACK_BY_NETWORK).await?;
        }
        let challenge = match state {
            "" => None,
            state => app.store.challenge(state, app.clock.now()).await?,
        };
        if let Some(event) = self.event_of_refusal(state, challenge.as_ref(), error).await? {
            app.store.record_event(&event).await?;
        }
        Err(error.into())
    }

    /// The audit event of a refusal that says nothing about an account, as of [`refused::event`]. That of a link is in its user's log.
    async fn event_of_refusal(
        &self,
        state: &str,
        challenge: Option<&Challenge<ProviderState>>,
        error: LoginError,
    ) -> Result<Option<AuditEvent>, Error> {
        let (context, app) = (self.context, self.context.app);
        if let Some(link) = challenge.filter(|challenge| challenge.payload.session_hash.is_some())
            && let Some(salt) = app.store.load(&link.user_id, UserQuery::ACCOUNT).await?.salt
        {
            let cipher = app.user_cipher(salt);
            let owner = Concerned::Owner { id: &link.user_id, cipher: &cipher, action: Action::LinkIdentity };
            return refused::event(context, owner, error).await;
        }
        refused::event(context, Concerned::Unknown(&format!("provider-state {state}")), error).await
    }

    /// The challenge of the state, if this browser began it with this provider. Each answer is counted before the provider is asked.
    async fn claim(&self, state: &str) -> Result<Challenge<ProviderState>, Refusal> {
        let app = self.context.app;
        let token = provider_request::presented(self.context.request, self.provider, state);
        let token = token.ok_or(LoginError::InvalidState)?;
        let challenge = match token.redeem::<ProviderState>(app, Step::Next).await {
            Err(Error::InvalidCode) => Err(Refusal::ToLogin(LoginError::InvalidState)),
            other => other.map_err(Refusal::Failed),
        }?;
        if challenge.payload.provider != self.provider.id {
            return Err(LoginError::InvalidState.into());
        }
        let reserved = app.store.reserve_attempt(&challenge.id, SecretKind::ProviderAnswer, app.clock.now()).await?;
        reserved.ok_or(LoginError::InvalidState.into())
    }

    /// Asks the provider who logged in.
    async fn identify(&self, sent: &Parameters, asked: &ProviderRequest) -> Result<ProviderUser, Refusal> {
        let Context { app, request } = self.context;
        if let Some(error) = sent.get("error") {
            return Err(match error {
                // Apple has a name of its own.
                "access_denied" | "user_cancelled_authorize" => LoginError::AccessDenied,
                "server_error" | "temporarily_unavailable" => LoginError::ProviderUnavailable,
                _ => LoginError::InvalidResponse,
            }
            .into());
        }
        let code = sent.get("code").ok_or(LoginError::InvalidRequest)?;
        let redirect_uri = provider_request::redirect_uri(app, self.provider).await?;
        let answer = AuthorizationAnswer {
            code,
            issuer: sent.get("iss"),
            redirect_uri: &redirect_uri,
            nonce: &asked.nonce,
            verifier: &asked.verifier,
            authenticated_since: asked.authenticated_since.map(Timestamp::from_seconds),
        };
        let mut user = match app.conversation(self.provider)?.identify(answer).await {
            Ok(user) => user,
            Err(failure) => {
                failure.log(OPERATION.name, &request.request_id, &self.provider.id);
                return Err(of_failure(&failure).into());
            }
        };
        // The clocks may differ, so that the provider's time can be before this service asked for the login.
        if asked.forces_login {
            user.authenticated_at = Some(app.clock.now());
        }
        // Apple sends the name once, next to the code. It is only displayed.
        if self.provider.preset == Preset::Apple && user.name.is_none() {
            user.name = sent.get("user").and_then(name_by_apple).and_then(|name| display_name(&name));
        }
        Ok(user)
    }

    async fn log_in(
        &self,
        challenge: &Challenge<ProviderState>,
        asked: &ProviderRequest,
        user: &ProviderUser,
    ) -> Result<Outcome, Refusal> {
        let mut proof = self.context.app.store.transaction();
        proof.consume_challenge(challenge);
        let login = ProviderLogin {
            context: self.context,
            provider: self.provider,
            user,
            options: &asked.options,
            recovery: Recovery::None,
            proof,
        };
        login.run().await
    }

    /// Links the identity to the user of the session that asked for it.
    async fn link(
        &self,
        challenge: &Challenge<ProviderState>,
        session: &str,
        user: &ProviderUser,
    ) -> Result<(), Refusal> {
        let mut retries = Retries::on_conflict();
        loop {
            match self.try_to_link(challenge, session, user).await {
                Err(Refusal::Failed(error)) => {
                    let done: Result<(), Error> = Err(error);
                    if !retries.again(&done) {
                        return done.map_err(Refusal::Failed);
                    }
                }
                done => return done,
            }
        }
    }

    async fn try_to_link(
        &self,
        challenge: &Challenge<ProviderState>,
        session: &str,
        user: &ProviderUser,
    ) -> Result<(), Refusal> {
        let (context, app) = (self.context, self.context.app);
        let record = app.store.load(&challenge.user_id, UserQuery::session(session)).await?;
        // The session may have ended meanwhile.
        let (account, session, cipher) = caller::complete(app, record).ok_or(LoginError::InvalidState)?;
        if !access_token::is_active(app, &account, &session) {
            return Err(LoginError::InvalidState.into());
        }
        let identity = ProvenIdentity::seal(app, &account.id, &cipher, &self.provider.id, user).await?;
        let link = match AccountIdentity::of(app, &account, identity, &self.provider.name).await {
            Ok(AccountIdentity::New(link)) => Ok(link),
            Ok(AccountIdentity::Known(_)) => Err(LoginError::AlreadyLinked),
            Err(LinkError::Refused(error)) => Err(error),
            Err(LinkError::Failed(error)) => return Err(error.into()),
        };
        let link = match link {
            Ok(link) => link,
            Err(error) => {
                let owner = Concerned::Owner { id: &account.id, cipher: &cipher, action: Action::LinkIdentity };
                refused::record(context, owner, error).await?;
                return Err(error.into());
            }
        };
        let mut transaction = app.store.transaction();
        transaction.consume_challenge(challenge);
        transaction.require_account(&account);
        transaction.require_session(&session);
        link.add_to(context, &account, &cipher, &mut transaction).await?;
        match app.store.commit(transaction).await {
            Ok(()) => Ok(()),
            Err(refused) if refused.is(Condition::Challenge) => Err(LoginError::InvalidState.into()),
            Err(error) => Err(Error::from(error).into()),
        }
    }
}

/// The name in Apple's `user`: `{"name": {"firstName": …, "lastName": …}, "email": …}`.
fn name_by_apple(text: &str) -> Option<String> {
    let user: Value = serde_json::from_str(text).ok()?;
    let parts = ["firstName", "lastName"].map(|part| user["name"][part].as_str().unwrap_or_default());
    Some(parts.join(" "))
}
