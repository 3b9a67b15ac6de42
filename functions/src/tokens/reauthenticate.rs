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
        limits::{CODE_GUESSES_BY_ACCOUNT, REAUTHENTICATION_MAIL_BY_SESSION},
        mail::Content,
        otp_code::OtpCode,
        password::Password,
        place::Place,
        session::OpaqueText,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::{About, Answer, Challenge, CommitError, Guess, Pending, Session, Transaction, session_key},
};

use crate::{
    authentication::{self, Caller},
    sign_in::{self, Access},
    user,
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
    let waits = caller.session.unconfirmed;
    let (method, done) = match proof {
        Proof::Password(password) if !waits => ("password", by_password(&app, &request, &caller, &password).await),
        Proof::None if caller.account.password.is_some() && !waits => {
            return Err(Error::field("password", "is required"));
        }
        Proof::Password(_) | Proof::None => ("code_mailed", mail_code(&app, &request, &caller).await),
        Proof::Code { challenge_id, code } => ("code", by_code(&app, &request, &caller, &challenge_id.0, &code).await),
    };
    // What was refused is written down, whatever it was refused for; what failed may be asked again.
    if let Err(error) = &done
        && error.status().is_client_error()
    {
        let outcome = Outcome::Failure(error.code());
        let event = caller.vault.event(Action::Reauthenticate, outcome, method, &request.client).await?;
        app.store.write_down(&event).await?;
    }
    done
}

async fn by_password(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    password: &Password,
) -> Result<Response, Error> {
    let now = app.clock.now();
    // Tried in a session, it is counted with what was tried in that: others' failures don't stand in its way, nor its in theirs.
    let hash = &caller.session.hash;
    let attempt = app.store.reserve_login("password/session", hash, app.config.limit_factor, now).await?;
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    let right = match &caller.account.password {
        Some(hash) => app.hasher.verify(password.bytes(), hash, |version| peppers.bytes_of(version)).await?,
        None => false,
    };
    if !right {
        return Err(Error::InvalidCredentials);
    }
    let mut transaction = Transaction::new();
    transaction.demand_account(&app.store, &caller.account);
    let access = prove(app, request, caller, &mut transaction, "password", Some("pwd")).await?;
    match app.store.commit_giving_back(transaction, &attempt).await {
        Ok(()) => Ok(access.into_response()),
        Err(refused) => {
            if refused.refused("account") {
                // It was right, and is not to count as wrong.
                app.store.commit_giving_back(Transaction::new(), &attempt).await?;
            }
            Err(refusal(refused))
        }
    }
}

async fn mail_code(app: &App, request: &Request, caller: &Caller<'_>) -> Result<Response, Error> {
    let Some(address) = user::address(&caller.vault, &caller.account).await? else {
        return Err(Error::Conflict("This account has no address that a code could be mailed to."));
    };
    let now = app.clock.now();
    app.store.count(app.config.limit(REAUTHENTICATION_MAIL_BY_SESSION), &caller.session.hash, now).await?;
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
    let mail = caller.vault.mail(&address, content, CODE_SECONDS).await?.in_epoch_of(&caller.account);
    let event = caller.vault.event(Action::Reauthenticate, Outcome::Success, "code_mailed", &request.client).await?;
    let mut transaction = Transaction::new();
    // One code at a time: the one before is no good any more.
    if let Some(earlier) = &caller.session.code_challenge {
        transaction.withdraw_challenge(&app.store, earlier);
    }
    transaction.note_code(&app.store, &caller.session, &id);
    transaction.issue_challenge(&app.store, &challenge);
    transaction.put_mail(&app.store, &mail);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::json(StatusCode::ACCEPTED, &json!({ "challenge_id": id, "expires_in": CODE_SECONDS }))),
        Err(refused) if refused.refused("session") => {
            Err(Error::TemporarilyUnavailable("the session changed meanwhile".to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn by_code(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    challenge_id: &str,
    code: &OtpCode,
) -> Result<Response, Error> {
    // One made in another session, or by another user, is none of this one's.
    if caller.session.code_challenge.as_deref() != Some(challenge_id) {
        return Err(Error::InvalidCode);
    }
    let now = app.clock.now();
    let purpose = ChallengePurpose::Reauthentication;
    let reserved = app.store.reserve_attempt(challenge_id, purpose, Guess::Code, now).await?;
    let challenge = reserved.ok_or(Error::InvalidCode)?;
    let limit = app.config.limit(CODE_GUESSES_BY_ACCOUNT);
    let account = format!("{}#{}", caller.account.id, caller.account.device_epoch);
    let counted = app.store.count(limit, &account, now).await;
    if let Err(error @ Error::RateLimited { .. }) = counted {
        app.store.return_attempt(&challenge).await?; // nothing was compared
        return Err(error);
    }
    counted?;
    let Pending::Mailed { code: Some(answer), .. } = &challenge.pending else { return Err(Error::InvalidCode) };
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    if !app.hasher.verify(code.bytes(), &answer.hash, |version| peppers.bytes_of(version)).await? {
        return Err(Error::InvalidCode);
    }
    let mut transaction = Transaction::new();
    transaction.consume_challenge(&app.store, &challenge);
    transaction.uncount(&app.store, limit, &account, now);
    if caller.session.unconfirmed {
        confirm(app, caller, &mut transaction).await?;
    } else {
        transaction.demand_account(&app.store, &caller.account);
    }
    // A mailed code is no second factor: what the session is proven by stays what it was.
    let access = prove(app, request, caller, &mut transaction, "code", None).await?;
    match app.store.commit(transaction).await {
        Ok(()) => Ok(access.into_response()),
        Err(refused) => {
            if refused.refused("account") {
                app.store.return_attempt(&challenge).await?;
            }
            Err(refusal(refused))
        }
    }
}

/// Confirms a suspicious login: its device is known from now on, and its place one that later logins may be like.
async fn confirm(app: &App, caller: &Caller<'_>, transaction: &mut Transaction) -> Result<(), Error> {
    let Caller { account, session, vault, .. } = caller;
    let item = session_key(&account.id, &session.hash);
    let place: Option<Place> = match &session.place {
        Some(sealed) => Some(vault.open_json(Purpose::FieldSession, Session::place(&item, "place"), sealed).await?),
        None => None,
    };
    let footprints = sign_in::footprints(vault, account).await?.after(place.as_ref(), session.created_at);
    transaction.note_footprints(&app.store, account, &sign_in::seal_footprints(vault, account, &footprints).await?);
    if let Some(device) = &session.device_id {
        transaction.confirm_device(&app.store, &account.id, device, account.device_epoch);
    }
    Ok(())
}

/// Adds to the transaction that the caller has proven who they are, and makes the access token that says so.
async fn prove(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    transaction: &mut Transaction,
    method: &'static str,
    amr: Option<&str>,
) -> Result<Access, Error> {
    let now = app.clock.now();
    let mut session = Session { auth_time: now, unconfirmed: false, ..caller.session.clone() };
    session.amr.extend(amr.filter(|amr| !session.amr.iter().any(|known| known == amr)).map(str::to_owned));
    let Caller { account, session_id, by_cookie, .. } = caller;
    let event = caller.vault.event(Action::Reauthenticate, Outcome::Success, method, &request.client).await?;
    transaction.prove_again(&app.store, &session, &session.amr, now);
    transaction.audit(&app.store, &event);
    Access::of(app, account, &session, session_id, *by_cookie).await
}

/// What a refused transaction means to who proves themselves.
fn refusal(refused: CommitError) -> Error {
    match refused {
        refused if refused.refused("session") || refused.refused("device") => Error::SessionRevoked,
        refused if refused.refused("challenge") => Error::InvalidCode,
        refused if refused.refused("account") => {
            Error::TemporarilyUnavailable("the account changed meanwhile".to_owned())
        }
        refused => refused.into(),
    }
}
