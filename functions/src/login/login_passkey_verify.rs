//! `POST /v1/login/passkey/verify`: logs in with a passkey, which counts as both factors. Or uses a passkey as the
//! second factor of a login. A passkey that is not verified counts as the first factor alone.

use shared::{
    context::Context,
    crypto::key::{KeyPurpose, KeySet},
    domain::{
        account::Status,
        audit::{Action, Outcome},
        ids::UserId,
        limits::{REFUSED_PASSKEY_BY_NETWORK, REFUSED_TOKEN_BY_SESSION},
        second_factor::SecondFactorMethod,
        session::{OpaqueText, SessionOptions},
    },
    error::Error,
    fields::schema,
    http::{Request, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
    store::{Account, Challenge, Condition, PasskeyAssertion, Retries, SecondFactor, SecretKind, UserQuery},
    user_cipher::UserCipher,
    webauthn::AssertionResponse,
};

use crate::auth::{
    csrf,
    limits::Network,
    mfa::{
        passkey,
        pending_login::{self, MfaRequired, MfaToken, PendingLogin, Refusal, SecondFactorProof},
    },
    session::{
        device::{self, PresentedDevice},
        issue,
        response::Authenticated,
        subject::SignInSubject,
    },
};

pub const OPERATION: Operation = Operation::http("login-passkey-verify", |context| Box::pin(handle(context)))
    .summary("logs in with a passkey, which is both factors; or takes one as the second factor")
    .routes(&[Route::new("POST", "/v1/login/passkey/verify")])
    .memory(512)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
        KeyPurpose::Csrf,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
    ])
    .limits(&[REFUSED_PASSKEY_BY_NETWORK, REFUSED_TOKEN_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("LoginPasskeyVerify")
        .required::<OpaqueText>("challenge_id", "Names the challenge.")
        .required::<AssertionResponse>("credential", "The credential that signed.")
        .object("session", SessionOptions::form());
    Contract::new()
        .json(form)
        .answers(
            200,
            "The session begins, or a second factor is due.",
            schema::any_of([Authenticated::schema(), MfaRequired::schema()]),
        )
        .then(Authenticated::LINKS)
        .then(MfaRequired::LINKS)
        .errors([Error::InvalidCode, Error::UnknownCredential, Error::AccountBanned])
}

struct Form {
    challenge_id: OpaqueText,
    assertion: AssertionResponse,
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

/// A login with a passkey, in progress.
struct Login<'a> {
    context: Context<'a>,
    form: &'a Form,
    index: &'a KeySet,
    challenge: &'a Challenge<PasskeyAssertion>,
    /// WebAuthn's state, decrypted.
    state: String,
    /// The id of the passkey that signed. It may not exist.
    passkey: String,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let form = Form::parse(request)?;
    let found = app.store.challenge(&form.challenge_id.0, app.clock.now()).await?;
    let challenge: Challenge<PasskeyAssertion> = found.ok_or(Error::InvalidCode)?;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let state = passkey::open_state(app, PasskeyAssertion::STATE, &challenge.id, &challenge.payload.state).await?;
    let passkey = passkey::id(&index, form.assertion.credential_id());
    let login = Login { context, form: &form, index: &index, challenge: &challenge, state, passkey };
    match &challenge.payload.second_factor_of {
        Some(first) => {
            let by_cookie = MfaToken::of_cookie(request).is_some_and(|token| token.challenge == *first);
            pending_login::answer(request, by_cookie, login.as_second_factor(first).await)
        }
        None => login.as_both_factors().await,
    }
}

impl Login<'_> {
    /// Limits the attempts at one challenge.
    async fn reserve(&self) -> Result<(), Error> {
        let app = self.context.app;
        let reserved = app.store.reserve_attempt(&self.challenge.id, SecretKind::Signature, app.clock.now());
        let reserved: Option<Challenge<PasskeyAssertion>> = reserved.await?;
        reserved.map(|_| ()).ok_or(Error::InvalidCode)
    }

    async fn as_both_factors(&self) -> Result<Response, Error> {
        csrf::check_transport(self.context, &self.form.options).await?;
        self.reserve().await?;
        // A discoverable credential must name its user (WebAuthn, section 7.2, step 6).
        let user_id = match self.challenge.payload.discoverable {
            true => self.form.assertion.user_id().ok_or(Error::InvalidCode)?,
            false => self.challenge.user_id.clone(),
        };
        let mut retries = Retries::on_conflict();
        loop {
            let done = self.sign_in(&user_id).await;
            if !retries.again(&done) {
                return done;
            }
        }
    }

    /// Verifies the signature and commits the login.
    async fn sign_in(&self, user_id: &UserId) -> Result<Response, Error> {
        let (context, options) = (self.context, &self.form.options);
        let Context { app, request } = context;
        let token = device::presented(self.index, request, options).filter(|token| token.user_id == *user_id);
        let query = UserQuery {
            device: token.as_ref().map(|token| &token.device_id),
            passkey: Some(&self.passkey),
            ..UserQuery::ACCOUNT
        };
        let record = app.store.load(user_id, query).await?;
        let (_, decoy_cipher) = app.decoy_cipher(&user_id.to_string()).await?;
        let cipher = record.salt.map_or(decoy_cipher, |salt| app.user_cipher(salt));
        let Some((account, stored)) = record.account.zip(record.passkey) else {
            let verified = app.relying_party().await?.verify_decoy_assertion(&self.form.assertion, &self.state);
            if let Err(error @ Error::Internal(_)) = verified {
                return Err(error);
            }
            return self.refuse_passkey(user_id, &cipher).await;
        };
        let verified = passkey::verify(context, &cipher, &stored, &self.form.assertion, &self.state).await;
        let verified = match verified {
            Ok(verified) => verified,
            Err(Error::InvalidCode) => return self.refuse_passkey(user_id, &cipher).await,
            Err(error) => return Err(error),
        };
        if account.status == Status::Banned {
            return self.refuse(user_id, &cipher, Error::AccountBanned).await;
        }
        let device = token.zip(record.device);
        let device = device.as_ref().map(|(token, device)| (device, token)).filter(|(device, token)| {
            PresentedDevice { index: self.index, token, options }.is_recognised(app, &account, device)
        });
        // A passkey that is not verified counts as one factor.
        let next_step = match stored.verified {
            true => None,
            false => pending_login::next_step(app, &account, device.map(|(device, _)| device)),
        };
        let action = if next_step.is_some() { Action::FirstFactor } else { Action::Login };
        let event = context.event(&cipher, action, Outcome::Success, SecondFactorMethod::Passkey.as_str()).await?;
        let mut transaction = app.store.transaction();
        transaction.consume_challenge(self.challenge);
        verified.add_to(app, &mut transaction);
        transaction.record_event(&event);
        let amr = verified.amr();
        let passkey = Some(self.passkey.as_str());
        let response = if let Some(step) = next_step {
            transaction.require_account(&account);
            let options = SessionOptions {
                device_token: device.map(|(_, token)| OpaqueText(token.encode(self.index))),
                ..options.clone()
            };
            let subject =
                SignInSubject { device, passkey, pending: true, ..SignInSubject::new(&account, &cipher, &amr) };
            pending_login::ask(context, &subject, step, &options, &mut transaction).await?.into_response()
        } else {
            let active = Account { status: Status::Active, ..account.clone() };
            let relied_on = device.and_then(|(device, _)| device.state.trust);
            let subject = SignInSubject {
                confirmed: stored.verified,
                device,
                relied_on: relied_on.filter(|_| !stored.verified && account.mfa_since.is_some()),
                passkey,
                ..SignInSubject::new(&active, &cipher, &amr)
            };
            let sign_in = issue::prepare(context, &subject, options).await?;
            transaction.record_login(&account, &sign_in.last_login, None);
            sign_in.add_to(&mut transaction);
            sign_in.answer.into_response(StatusCode::OK)
        };
        match app.store.commit(transaction).await {
            Ok(()) => Ok(response),
            Err(refused) if refused.is(Condition::Challenge) => self.refuse(user_id, &cipher, Error::InvalidCode).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn refuse_passkey<T>(&self, user_id: &UserId, cipher: &UserCipher<'_>) -> Result<T, Error> {
        let refusal = passkey::refusal(self.context.app, self.index, &self.form.assertion).await?;
        self.refuse(user_id, cipher, refusal).await
    }

    /// Refuses a login. The sender chose the account, so the event counts against the sender.
    async fn refuse<T>(&self, user_id: &UserId, cipher: &UserCipher<'_>, error: Error) -> Result<T, Error> {
        let network = Network::of(self.index, self.context.request);
        let counted_by = format!("{}#{user_id}", network.widest());
        let limited = (REFUSED_PASSKEY_BY_NETWORK, counted_by.as_str());
        let action = (Action::Login, SecondFactorMethod::Passkey.as_str());
        self.context.refuse_limited(cipher, action, error, limited).await
    }

    /// Completes a pending login. Its session options come from the first factor, so those of this request do not
    /// count.
    async fn as_second_factor(&self, first: &str) -> Result<Response, Refusal> {
        let (context, app, method) = (self.context, self.context.app, SecondFactorMethod::Passkey);
        let first: Option<Challenge<SecondFactor>> = app.store.challenge(first, app.clock.now()).await?;
        let first = first.ok_or(Refusal::Final(Error::InvalidCode))?;
        let load = async || pending_login::load(app, &first, Some(&self.passkey)).await.map_err(Refusal::Final);
        let mut pending = load().await?;
        csrf::check_transport(context, &pending.options).await?;
        self.reserve().await?;
        let reserved = app.store.reserve_attempt(&first.id, SecretKind::SecondFactor, app.clock.now()).await?;
        let reserved: Option<Challenge<SecondFactor>> = reserved;
        if reserved.is_none() {
            return pending.refuse_limited(context, method, Error::InvalidCode).await.map_err(Refusal::Final);
        }
        let mut retries = Retries::on_conflict();
        loop {
            let done = self.finish(&pending).await;
            if retries.again(&done) {
                pending = load().await?;
                continue;
            }
            return match done {
                Err(Error::AccountBanned) => {
                    pending.refuse(context, method, Error::AccountBanned).await.map_err(Refusal::Final)
                }
                Err(error @ (Error::InvalidCode | Error::UnknownCredential)) => {
                    Ok(pending.refuse(context, method, error).await?)
                }
                done => Ok(done?),
            };
        }
    }

    /// Verifies the signature and commits the pending login.
    async fn finish(&self, pending: &PendingLogin<'_>) -> Result<Response, Error> {
        let (context, app) = (self.context, self.context.app);
        let Some(stored) = pending.passkey.as_ref().filter(|passkey| passkey.verified) else {
            return Err(passkey::refusal(app, self.index, &self.form.assertion).await?);
        };
        let verified = passkey::verify(context, &pending.cipher, stored, &self.form.assertion, &self.state).await?;
        let proof =
            SecondFactorProof { method: SecondFactorMethod::Passkey, amr: verified.key_amr(), trust_device: false };
        let mut transaction = app.store.transaction();
        let sign_in = pending.sign_in(context, proof, &mut transaction).await?;
        // `sign_in` consumes the challenge of the login. This withdraws the challenge of the signature.
        transaction.withdraw_challenge(&self.challenge.id);
        verified.add_to(app, &mut transaction);
        match app.store.commit(transaction).await {
            Ok(()) => Ok(sign_in.answer.into_response(StatusCode::OK)),
            Err(refused) if refused.is(Condition::Challenge) => Err(Error::InvalidCode),
            Err(error) => Err(error.into()),
        }
    }
}
