//! `POST /v1/login/passkey/verify`: logs in with a passkey, which is both factors, or gives one as the second factor of a login.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::key::{KeyPurpose, KeySet},
    domain::{
        account::Status,
        audit::{Action, Outcome},
        challenge::ChallengeKind,
        ids::UserId,
        second_factor::Method,
        session::{OpaqueText, SessionOptions},
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::{About, Account, Challenge, Guess, PasskeyAssertion, Transaction, UserQuery},
    user_cipher::UserCipher,
    webauthn::{Assertion, RelyingParty},
};

use crate::auth::{
    mfa::{passkey, pending_login},
    session::{
        device,
        issue::{self, SignInSubject},
    },
};

/// `login-passkey-verify`
pub const OPERATION: Operation = Operation::http(
    "login-passkey-verify",
    &[
        KeyPurpose::Index,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ],
    |app, request| Box::pin(handle(app, request)),
);

struct Form {
    challenge_id: OpaqueText,
    assertion: Assertion,
    options: SessionOptions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let challenge_id = fields.required("challenge_id");
        let assertion = fields.required("credential");
        let options = SessionOptions::take(&mut fields);
        fields.finish(|| Some(Self { challenge_id: challenge_id?, assertion: assertion?, options }))
    }
}

/// A login with a passkey.
struct Login<'a> {
    app: &'a App,
    request: &'a Request,
    form: &'a Form,
    index: &'a KeySet,
    challenge: &'a Challenge,
    asked: &'a PasskeyAssertion,
    /// WebAuthn's state, opened.
    state: String,
    /// The id of the passkey that answered, if it is anybody's.
    passkey: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let form = Form::parse(&request)?;
    let now = app.clock.now();
    let challenge = app.store.challenge(&form.challenge_id.0, ChallengeKind::PasskeyAssertion, now).await?;
    let challenge = challenge.ok_or(Error::InvalidCode)?;
    let About::PasskeyAssertion(asked) = &challenge.about else { return Err(Error::InvalidCode) };
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let login = Login {
        app: &app,
        request: &request,
        form: &form,
        index: &index,
        challenge: &challenge,
        asked,
        state: passkey::open_state(&app, &challenge.id, &asked.state).await?,
        passkey: passkey::id(&index, form.assertion.credential_id()),
    };
    match &asked.second_factor_of {
        Some(first) => login.as_second_factor(first).await,
        None => login.as_both_factors().await,
    }
}

impl Login<'_> {
    /// Bounds how often one challenge is looked at.
    async fn reserve(&self) -> Result<(), Error> {
        let (store, purpose, now) = (&self.app.store, ChallengeKind::PasskeyAssertion, self.app.clock.now());
        let reserved = store.reserve_attempt(&self.challenge.id, purpose, Guess::Signature, now).await?;
        reserved.map(|_| ()).ok_or(Error::InvalidCode)
    }

    async fn as_both_factors(&self) -> Result<Response, Error> {
        issue::check_transport(self.app, self.request, &self.form.options).await?;
        self.reserve().await?;
        // Asked of anybody, it must say whose it is (WebAuthn, section 7.2, step 6).
        let user_id = match self.asked.discoverable {
            true => self.form.assertion.user_id().ok_or(Error::InvalidCode)?,
            false => self.challenge.user_id.clone(),
        };
        for _ in 0..issue::LOOKS {
            if let Some(response) = self.admit(&user_id).await? {
                return Ok(response);
            }
        }
        Err(issue::restless())
    }

    /// Signs the owner of the passkey in; `None` if something isn't as it was loaded any more.
    async fn admit(&self, user_id: &UserId) -> Result<Option<Response>, Error> {
        let (app, request, options) = (self.app, self.request, &self.form.options);
        let shown = device::presented(self.index, request, options).filter(|token| token.user_id == *user_id);
        let wanted = UserQuery {
            device: shown.as_ref().map(|token| &token.device_id),
            passkey: Some(&self.passkey),
            ..UserQuery::ACCOUNT
        };
        let loaded = app.store.load(user_id, wanted).await?;
        let (_, unknown) = UserCipher::of_unknown(app, &user_id.to_string()).await?;
        let cipher = loaded.salt.map_or(unknown, |salt| UserCipher::new(app, salt));
        let Some((account, stored)) = loaded.account.zip(loaded.passkey) else {
            let looked = RelyingParty::of(app).await?.asserted_by_nobody(&self.form.assertion, &self.state);
            if let Err(error @ Error::Internal(_)) = looked {
                return Err(error);
            }
            return self.refuse(&cipher, Error::InvalidCode).await;
        };
        let client = &request.client;
        let proof = match passkey::verify(app, &cipher, &stored, &self.form.assertion, &self.state, client).await {
            Ok(proof) => proof,
            Err(Error::InvalidCode) => return self.refuse(&cipher, Error::InvalidCode).await,
            Err(error) => return Err(error),
        };
        if account.status == Status::Banned {
            return self.refuse(&cipher, Error::AccountBanned).await;
        }
        let device = shown.zip(loaded.device);
        let device = device
            .as_ref()
            .filter(|(token, device)| device::is_known(app, self.index, &account, device, token, options))
            .map(|(token, device)| (device, token));
        let active = Account { status: Status::Active, ..account.clone() };
        let amr = proof.amr();
        let subject = SignInSubject {
            account: &active,
            cipher: &cipher,
            amr: &amr,
            confirmed: true,
            device,
            trust: None,
            relied_on: None,
            is_new: false,
        };
        let sign_in = issue::prepare(app, &subject, request, options).await?;
        let event = cipher.event(Action::Login, Outcome::Success, Method::Passkey.as_str(), client).await?;
        let mut transaction = Transaction::new();
        transaction.consume_challenge(&app.store, self.challenge);
        proof.add_to(app, &mut transaction);
        transaction.record_login(&app.store, &account, &sign_in.last_login, None);
        sign_in.add_to(&mut transaction, app);
        transaction.audit(&app.store, &event);
        match app.store.commit(transaction).await {
            Ok(()) => Ok(Some(sign_in.answer.into_response(StatusCode::OK))),
            Err(refused) if refused.refused("challenge") => self.refuse(&cipher, Error::InvalidCode).await,
            Err(refused) if CHANGED.iter().any(|what| refused.refused(what)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn refuse<T>(&self, cipher: &UserCipher<'_>, error: Error) -> Result<T, Error> {
        let outcome = Outcome::Failure(error.code());
        let event = cipher.event(Action::Login, outcome, Method::Passkey.as_str(), &self.request.client).await?;
        self.app.store.record_event(&event).await?;
        Err(error)
    }

    /// The choice of the first factor is kept: what this request says of the session is not.
    async fn as_second_factor(&self, first: &str) -> Result<Response, Error> {
        let (app, request, method) = (self.app, self.request, Method::Passkey);
        let (purpose, now) = (ChallengeKind::SecondFactor, app.clock.now());
        let first = app.store.challenge(first, purpose, now).await?.ok_or(Error::InvalidCode)?;
        let mut waiting = pending_login::load(app, &first, Some(&self.passkey)).await?;
        issue::check_transport(app, request, &waiting.options).await?;
        self.reserve().await?;
        if app.store.reserve_attempt(&first.id, purpose, Guess::SecondFactor, now).await?.is_none() {
            return waiting.refuse(app, request, method, Error::InvalidCode).await;
        }
        for _ in 0..issue::LOOKS {
            let Some(stored) = &waiting.passkey else {
                return waiting.refuse(app, request, method, Error::InvalidCode).await;
            };
            let (assertion, client) = (&self.form.assertion, &request.client);
            let proof = match passkey::verify(app, &waiting.cipher, stored, assertion, &self.state, client).await {
                Ok(proof) => proof,
                Err(Error::InvalidCode) => return waiting.refuse(app, request, method, Error::InvalidCode).await,
                Err(error) => return Err(error),
            };
            let mut transaction = Transaction::new();
            let key = proof.key_amr();
            let sign_in = match waiting.sign_in(app, request, method, key, false, &mut transaction).await {
                Ok(sign_in) => sign_in,
                Err(Error::AccountBanned) => return waiting.refuse(app, request, method, Error::AccountBanned).await,
                Err(error) => return Err(error),
            };
            // The login's own challenge goes with `sign_in`.
            transaction.withdraw_challenge(&app.store, &self.challenge.id);
            proof.add_to(app, &mut transaction);
            match app.store.commit(transaction).await {
                Ok(()) => return Ok(sign_in.answer.into_response(StatusCode::OK)),
                Err(refused) if refused.refused("challenge") => {
                    return waiting.refuse(app, request, method, Error::InvalidCode).await;
                }
                Err(refused) if CHANGED.iter().any(|what| refused.refused(what)) => {}
                Err(error) => return Err(error.into()),
            }
            waiting = pending_login::load(app, &first, Some(&self.passkey)).await?;
        }
        Err(issue::restless())
    }
}

/// What another request may have changed since it was loaded.
const CHANGED: [&str; 4] = ["account", "device", "session", "passkey"];
