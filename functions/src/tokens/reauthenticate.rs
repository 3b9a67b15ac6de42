//! `POST /v1/reauthenticate`: who is signed in proves once more who they are, by the password or, where there is none or a suspicious
//! login waits for it, by a mailed code. The session's `auth_time` is then now.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::{password_hash::Cost, secret::Token},
    domain::{
        audit::{Action, Outcome},
        challenge::{CODE_SECONDS, Purpose as ChallengePurpose},
        limits::{CODE_GUESSES_BY_ACCOUNT, REAUTHENTICATION_MAIL_BY_ACCOUNT},
        mail::Content,
        otp_code::OtpCode,
        password::Password,
        session::OpaqueText,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::{About, Answer, Challenge, Guess, Pending, Session, Transaction},
};

use crate::{
    authentication::{self, Caller},
    login_alert,
    sign_in::Access,
};

/// `reauthenticate`
pub const OPERATION: Operation = Operation::http(
    "reauthenticate",
    &[
        Purpose::Index,
        Purpose::Pepper,
        Purpose::Csrf,
        Purpose::Signing,
        Purpose::FieldContact,
        Purpose::FieldSession,
        Purpose::FieldIp,
        Purpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

enum Proof {
    /// Nothing yet: a code is asked for.
    None,
    Password(Password),
    Code {
        challenge_id: OpaqueText,
        code: OtpCode,
    },
}

impl Proof {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        if fields.has("challenge_id") || fields.has("code") {
            let challenge_id = fields.required("challenge_id");
            let code = fields.required("code");
            return fields.finish(|| Some(Self::Code { challenge_id: challenge_id?, code: code? }));
        }
        let given = fields.has("password");
        let password = fields.optional("password");
        fields.finish(|| if given { password.map(Self::Password) } else { Some(Self::None) })
    }
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let proof = Proof::parse(&request)?;
    let caller = authentication::caller(&app, &request).await?;
    // What waits for a mailed code since its login was suspicious is not lifted by what a thief of the password has.
    let waits = caller.session.auth_time.millis() == 0;
    match proof {
        Proof::Password(password) if !waits => by_password(&app, &request, &caller, &password).await,
        Proof::None if caller.account.password.is_some() && !waits => Err(Error::field("password", "is required")),
        Proof::Password(_) | Proof::None => mail_code(&app, &request, &caller).await,
        Proof::Code { challenge_id, code } => by_code(&app, &request, &caller, &challenge_id.0, &code).await,
    }
}

async fn by_password(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    password: &Password,
) -> Result<Response, Error> {
    let now = app.clock.now();
    // Tried in a session, it is counted with what its device tried: strangers' failures don't stand in the way, nor are helped.
    let (credential, tried_by) = match &caller.session.device_id {
        Some(device) => ("password/device", device.to_string()),
        None => ("password/session", caller.session.hash.clone()),
    };
    let attempt = match app.store.reserve_login(credential, &tried_by, app.config.limit_factor, now).await {
        Ok(attempt) => attempt,
        Err(error @ Error::LockedOut { .. }) => return refuse(app, request, caller, "password", error).await,
        Err(error) => return Err(error),
    };
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    let right = match &caller.account.password {
        Some(hash) => app.hasher.verify(password.bytes(), hash, |version| peppers.bytes_of(version)).await?,
        None => false,
    };
    if !right {
        return refuse(app, request, caller, "password", Error::InvalidCredentials).await;
    }
    for take_back in [true, false] {
        let mut transaction = Transaction::new();
        transaction.give_back(&app.store, &attempt, take_back);
        match admit(app, request, caller, transaction, "password", Some("pwd")).await {
            Err(Refused::Lock) => {}
            Err(Refused::For(error)) => return Err(error),
            Ok(response) => return Ok(response),
        }
    }
    Err(Error::internal("an attempt could not be given back"))
}

async fn mail_code(app: &App, request: &Request, caller: &Caller<'_>) -> Result<Response, Error> {
    let Some(address) = login_alert::address(&caller.account, &caller.vault).await? else {
        return Err(Error::Conflict("This account has no address that a code could be mailed to."));
    };
    let now = app.clock.now();
    let account = caller.account.id.to_string();
    app.store.count(app.config.limit(REAUTHENTICATION_MAIL_BY_ACCOUNT), &account, now).await?;
    let id = Token::random(&*app.rng).encode();
    let code = OtpCode::random(&*app.rng);
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    let expires_at = now.plus_seconds(CODE_SECONDS);
    let hash = app.hasher.hash(code.bytes(), app.rng.bytes(), peppers.pepper(), Cost::CODE).await?;
    let challenge = Challenge {
        id: id.clone(),
        user_id: caller.account.id.clone(),
        about: About::Reauthentication(caller.session.hash.clone()),
        pending: Pending::Mailed { code: Some(Answer { hash, expires_at }), link: None },
        generation: 1,
        attempts: 0,
        ends_at: expires_at,
    };
    let content = Content::ReauthenticationCode { code: code.display().to_string() };
    let mail = caller.vault.mail(&address, content, CODE_SECONDS).await?;
    let event = caller.vault.event(Action::Reauthenticate, Outcome::Success, "code_mailed", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.issue_challenge(&app.store, &challenge);
    transaction.put_mail(&app.store, &mail);
    transaction.audit(&app.store, &event);
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::ACCEPTED, &json!({ "challenge_id": id, "expires_in": CODE_SECONDS })))
}

async fn by_code(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    challenge_id: &str,
    code: &OtpCode,
) -> Result<Response, Error> {
    let now = app.clock.now();
    let account = caller.account.id.to_string();
    app.store.count(app.config.limit(CODE_GUESSES_BY_ACCOUNT), &account, now).await?;
    let purpose = ChallengePurpose::Reauthentication;
    let Some(challenge) = app.store.reserve_attempt(challenge_id, purpose, Guess::Code, now).await? else {
        return refuse(app, request, caller, "code", Error::InvalidCode).await;
    };
    // One made in another session, or by another user, is none of this one's.
    let of_session = matches!(&challenge.about, About::Reauthentication(hash) if *hash == caller.session.hash);
    let Pending::Mailed { code: Some(answer), .. } = &challenge.pending else { return Err(Error::InvalidCode) };
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    let right = app.hasher.verify(code.bytes(), &answer.hash, |version| peppers.bytes_of(version)).await?;
    if !right || !of_session || challenge.user_id != caller.account.id {
        return refuse(app, request, caller, "code", Error::InvalidCode).await;
    }
    let mut transaction = Transaction::new();
    transaction.consume_challenge(&app.store, &challenge);
    // A mailed code is no second factor: what the session is proven by stays what it was.
    match admit(app, request, caller, transaction, "code", None).await {
        Ok(response) => Ok(response),
        Err(Refused::For(error)) => Err(error),
        Err(Refused::Lock) => Err(Error::internal("no attempt to give back")),
    }
}

enum Refused {
    /// The attempt can't be taken back: somebody tried since.
    Lock,
    For(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::For(error)
    }
}

/// Notes the proof together with what the transaction holds already, and answers with a new access token.
async fn admit(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    mut transaction: Transaction,
    method: &'static str,
    amr: Option<&str>,
) -> Result<Response, Refused> {
    let now = app.clock.now();
    let mut session = Session { auth_time: now, ..caller.session.clone() };
    session.amr.extend(amr.filter(|amr| !session.amr.iter().any(|known| known == amr)).map(str::to_owned));
    let Caller { account, session_id, by_cookie, .. } = caller;
    let access = Access::of(app, account, &session, session_id, *by_cookie).await?;
    let event = caller.vault.event(Action::Reauthenticate, Outcome::Success, method, &request.client).await?;
    transaction.demand_account(&app.store, account);
    transaction.prove_again(&app.store, &session, &session.amr, now);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(access.into_response()),
        Err(refused) if refused.refused("session") || refused.refused("account") => Err(Error::SessionRevoked.into()),
        Err(refused) if refused.refused("challenge") => Err(Error::InvalidCode.into()),
        Err(refused) if refused.refused("lock") => Err(Refused::Lock),
        Err(error) => Err(Error::from(error).into()),
    }
}

async fn refuse(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    method: &'static str,
    error: Error,
) -> Result<Response, Error> {
    let outcome = Outcome::Failure(error.code());
    let event = caller.vault.event(Action::Reauthenticate, outcome, method, &request.client).await?;
    app.store.write_down(&event).await?;
    Err(error)
}
