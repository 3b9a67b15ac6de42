//! `POST /v1/reauthenticate`: who is signed in proves once more who they are: by the password, with an authenticator app's code where MFA
//! is on; by a passkey; or, where there is no password or a suspicious login waits for it, by a mailed code. The session's `auth_time` is
//! then now.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        challenge::ChallengeKind,
        geo_location::GeoLocation,
        otp_code::OtpCode,
        password::Password,
        second_factor::{MULTI_FACTOR, Method, with_methods},
        session::OpaqueText,
    },
    error::Error,
    http::{Request, Response},
    operation::Operation,
    store::{
        About, Attempt, CommitError, FactorChange, FactorUse, Guess, Session, Transaction, UserQuery, session_key,
    },
    webauthn::Assertion,
};

use crate::{
    auth::{
        caller::{self, Caller},
        mfa::{
            codes::{self, TypedCode},
            passkey,
        },
        session::issue::{self, Access},
    },
    reauthentication::by_mailed_code,
};

/// `reauthenticate`
pub const OPERATION: Operation = Operation::http(
    "reauthenticate",
    &[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::Csrf,
        KeyPurpose::Signing,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

enum Proof {
    /// Nothing yet: a code is asked for.
    None,
    Password {
        password: Password,
        totp: Option<OtpCode>,
    },
    Code {
        challenge_id: OpaqueText,
        code: OtpCode,
        totp: Option<OtpCode>,
    },
    Passkey {
        challenge_id: OpaqueText,
        assertion: Assertion,
    },
}

impl Proof {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        if fields.has("credential") {
            let challenge_id = fields.required("challenge_id");
            let assertion = fields.required("credential");
            return fields.finish(|| Some(Self::Passkey { challenge_id: challenge_id?, assertion: assertion? }));
        }
        let totp_given = fields.has("totp_code");
        let totp = fields.optional("totp_code");
        if fields.has("challenge_id") || fields.has("code") {
            let challenge_id = fields.required("challenge_id");
            let code = fields.required("code");
            return fields.finish(|| Some(Self::Code { challenge_id: challenge_id?, code: code?, totp }));
        }
        if fields.has("password") || totp_given {
            let password = fields.required("password");
            return fields.finish(|| Some(Self::Password { password: password?, totp }));
        }
        fields.finish(|| Some(Self::None))
    }
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let proof = Proof::parse(&request)?;
    let caller = caller::caller_with_factors(&app, &request).await?;
    let mfa = caller.account.mfa_since.is_some();
    // What waits for a mailed code since its login was suspicious is not lifted by what a thief of the password has.
    let waits = caller.session.unconfirmed && !mfa;
    let (method, done) = match proof {
        // As strong as the account's logins: with a second factor, a password or a mailed code alone is not enough.
        Proof::Password { totp: None, .. } | Proof::Code { totp: None, .. } if mfa => {
            return Err(Error::field("totp_code", "is required"));
        }
        Proof::None if caller.account.password.is_some() && !waits => {
            return Err(Error::field("password", "is required"));
        }
        Proof::Password { password, totp } if !waits => {
            ("password", by_password(&app, &request, &caller, &password, totp).await)
        }
        Proof::Password { .. } | Proof::None => ("code_mailed", by_mailed_code::ask(&app, &request, &caller).await),
        Proof::Code { challenge_id, code, totp } => {
            ("code", by_mailed_code::take(&app, &request, &caller, &challenge_id.0, &code, totp).await)
        }
        Proof::Passkey { challenge_id, assertion } => {
            ("passkey", by_passkey(&app, &request, &caller, &challenge_id.0, &assertion).await)
        }
    };
    caller.audit_refusal(&app, &request, Action::Reauthenticate, method, done).await
}

/// The second factor beside another proof, where one was given.
pub(super) async fn verify_second_factor<'a>(
    app: &App,
    caller: &'a Caller<'_>,
    totp: Option<OtpCode>,
) -> Result<Option<(FactorUse<'a>, Attempt)>, Error> {
    match totp {
        Some(code) => codes::verify_code_in_session(app, caller, &TypedCode::Totp(code)).await.map(Some),
        None => Ok(None),
    }
}

async fn by_password(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    password: &Password,
    totp: Option<OtpCode>,
) -> Result<Response, Error> {
    let now = app.clock.now();
    // Tried in a session, it is counted with what was tried in that: others' failures don't stand in its way, nor its in theirs.
    let hash = &caller.session.hash;
    let attempt = app.store.reserve_login("password/session", hash, app.config.limit_factor, now).await?;
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    let right = match &caller.account.password {
        Some(hash) => app.hasher.verify(password.bytes(), hash, |version| peppers.bytes_of(version)).await?,
        None => false,
    };
    if !right {
        return Err(Error::InvalidCredentials);
    }
    let second = match verify_second_factor(app, caller, totp).await {
        Ok(second) => second,
        Err(error) => {
            // The password was right, and is not to count as wrong.
            app.store.commit_refunding(Transaction::new(), [&attempt]).await?;
            return Err(error);
        }
    };
    let mut transaction = Transaction::new();
    confirm_login(app, caller, &mut transaction).await?;
    let mut amr = vec!["pwd"];
    if let Some((used, _)) = &second {
        transaction.use_factor(&app.store, &caller.account.id, used, FactorChange::None);
        amr.extend(Method::Totp.amr());
    }
    let access = record_reauthentication(app, request, caller, &mut transaction, "password", &amr).await?;
    let attempts: Vec<&Attempt> =
        std::iter::once(&attempt).chain(second.as_ref().map(|(_, attempt)| attempt)).collect();
    match app.store.commit_refunding(transaction, attempts.clone()).await {
        Ok(()) => Ok(access.into_response()),
        Err(refused) => {
            if refused.refused("account") {
                // They were right, and are not to count as wrong.
                app.store.commit_refunding(Transaction::new(), attempts).await?;
            }
            Err(refusal(refused))
        }
    }
}

async fn by_passkey(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    challenge_id: &str,
    assertion: &Assertion,
) -> Result<Response, Error> {
    let (now, purpose) = (app.clock.now(), ChallengeKind::PasskeyAssertion);
    let challenge = app.store.challenge(challenge_id, purpose, now).await?.ok_or(Error::InvalidCode)?;
    let About::PasskeyAssertion(asked) = &challenge.about else { return Err(Error::InvalidCode) };
    // One asked for as another user's, or for the second factor of a login, is none of this session's.
    if asked.second_factor_of.is_some() || !asked.discoverable && challenge.user_id != caller.account.id {
        return Err(Error::InvalidCode);
    }
    if app.store.reserve_attempt(challenge_id, purpose, Guess::Signature, now).await?.is_none() {
        return Err(Error::InvalidCode);
    }
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let id = passkey::id(&index, assertion.credential_id());
    let wanted = UserQuery { passkey: Some(&id), without_salt: true, ..UserQuery::ACCOUNT };
    let stored = app.store.load(&caller.account.id, wanted).await?.passkey.ok_or(Error::InvalidCode)?;
    let state = passkey::open_state(app, challenge_id, &asked.state).await?;
    let proof = passkey::verify(app, &caller.cipher, &stored, assertion, &state, &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.consume_challenge(&app.store, &challenge);
    proof.add_to(app, &mut transaction);
    confirm_login(app, caller, &mut transaction).await?;
    let amr = proof.amr();
    let amr: Vec<&str> = amr.iter().map(String::as_str).collect();
    let access = record_reauthentication(app, request, caller, &mut transaction, "passkey", &amr).await?;
    app.store.commit(transaction).await.map_err(refusal)?;
    Ok(access.into_response())
}

/// Adds to the transaction that the account is as it was read, and confirms the login if it was suspicious: its device is known from now on,
/// and its place one that later logins may be like.
pub(super) async fn confirm_login(app: &App, caller: &Caller<'_>, transaction: &mut Transaction) -> Result<(), Error> {
    if !caller.session.unconfirmed {
        transaction.require_account(&app.store, &caller.account);
        return Ok(());
    }
    let Caller { account, session, cipher, .. } = caller;
    let item = session_key(&account.id, &session.hash);
    let place: Option<GeoLocation> = match &session.place {
        Some(sealed) => Some(cipher.open_json(KeyPurpose::FieldSession, Session::place(&item, "place"), sealed).await?),
        None => None,
    };
    let login_history = issue::login_history(cipher, account).await?.after(place.as_ref(), session.created_at);
    transaction.record_login_history(
        &app.store,
        account,
        &issue::seal_login_history(cipher, account, &login_history).await?,
    );
    if let Some(device) = &session.device_id {
        transaction.confirm_device(&app.store, &account.id, device, account.device_epoch);
    }
    Ok(())
}

/// Adds to the transaction that the caller has proven who they are, and makes the access token that says so.
pub(super) async fn record_reauthentication(
    app: &App,
    request: &Request,
    caller: &Caller<'_>,
    transaction: &mut Transaction,
    method: &'static str,
    amr: &[&str],
) -> Result<Access, Error> {
    let now = app.clock.now();
    // What is proven now is no more than by this: that there were two factors once is not renewed by one.
    let mut kept = caller.session.amr.clone();
    kept.retain(|method| method != MULTI_FACTOR);
    let amr = with_methods(&kept, amr);
    let session = Session { auth_time: now, unconfirmed: false, amr, ..caller.session.clone() };
    let Caller { account, session_id, by_cookie, .. } = caller;
    let event = caller.cipher.event(Action::Reauthenticate, Outcome::Success, method, &request.client).await?;
    transaction.record_reauthentication(&app.store, &session, &session.amr, now);
    transaction.audit(&app.store, &event);
    Access::of(app, account, &session, session_id, *by_cookie).await
}

/// What a refused transaction means to who proves themselves.
pub(super) fn refusal(refused: CommitError) -> Error {
    match refused {
        refused if refused.refused("session") || refused.refused("device") => Error::SessionRevoked,
        refused if refused.refused("challenge") || refused.refused("factors") => Error::InvalidCode,
        refused if refused.refused("account") || refused.refused("passkey") => {
            Error::TemporarilyUnavailable("the account changed meanwhile".to_owned())
        }
        refused => refused.into(),
    }
}
