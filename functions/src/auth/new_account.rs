//! The creation of an account. One transaction writes profile, reservations, salt, first session and audit event, and
//! consumes the challenge.

use shared::{
    app::App,
    clock::Timestamp,
    context::Context,
    crypto::{field::UserSalt, key::KeyPurpose, password_hash::Cost, secret::RecoveryKey},
    domain::{
        account::Status,
        audit::{Action, Outcome},
        disowned_login::DisownedLogins,
        former_addresses::FormerAddresses,
        ids::UserId,
        session::SessionOptions,
    },
    error::Error,
    http::{Response, StatusCode},
    store::{Account, Condition, Transaction},
};

use crate::auth::{
    session::{issue, response::Authenticated, subject::SignInSubject},
    user::USERNAME_TAKEN,
};

/// The plaintext that an account is created from.
pub(crate) struct NewAccount {
    pub(crate) id: UserId,
    pub(crate) salt: UserSalt,
    /// The address and its lookup hash.
    pub(crate) email: Option<(String, String)>,
    /// The username and its lookup hash.
    pub(crate) username: Option<(String, String)>,
    pub(crate) name: Option<String>,
    /// The URL of a picture.
    pub(crate) picture: Option<String>,
    /// The password's hash (a PHC string). `None` for an account that logs in by mail.
    pub(crate) password: Option<String>,
}

/// The request that creates the account.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) options: &'a SessionOptions,
    /// The first factor (RFC 8176).
    pub(crate) amr: &'static str,
    /// The audit event's method.
    pub(crate) method: &'static str,
    /// When the user gave a sign-in provider credentials, if that is known.
    pub(crate) provider_auth_time: Option<Timestamp>,
}

/// Whether a new account gets a recovery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// The answer has the key, and no later one does.
    Key,
    /// The answer has no body that could hold it. The user may make one later.
    None,
}

/// Creates the account and logs its owner in. Answers 201 with the recovery key, which no later answer has. `transaction` has
/// the writes that consume the proof of the address.
///
/// # Errors
/// As [`create_with`].
pub(crate) async fn create(
    context: Context<'_>,
    new: NewAccount,
    origin: Origin<'_>,
    transaction: Transaction,
) -> Result<Response, Error> {
    let answer = create_with(context, new, origin, transaction, Recovery::Key).await?;
    Ok(answer.into_response(StatusCode::CREATED))
}

/// Creates the account and logs its owner in. `transaction` has the writes that consume the proof of the address.
///
/// # Errors
/// `forbidden` while sign-up is off; `invalid_code` if the proof was spent meanwhile; `conflict` if the address or the username
/// was taken meanwhile.
pub(crate) async fn create_with(
    context: Context<'_>,
    new: NewAccount,
    origin: Origin<'_>,
    mut transaction: Transaction,
    recovery: Recovery,
) -> Result<Authenticated, Error> {
    let app = context.app;
    app.config.require_sign_up()?;
    let cipher = app.user_cipher(new.salt.clone());
    let fields = cipher.item(&Account::key(&new.id));
    let recovery_key = (recovery == Recovery::Key).then(|| RecoveryKey::random(&*app.rng));
    let recovery_hash = match &recovery_key {
        Some(key) => Some(hash_recovery_key(app, key).await?),
        None => None,
    };
    let (email, email_hash) = new.email.unzip();
    let (username, username_hash) = new.username.unzip();
    let account = Account {
        id: new.id.clone(),
        status: Status::Active,
        password: new.password,
        recovery_key: recovery_hash,
        email: fields.seal_some(Account::EMAIL, email.as_deref()).await?,
        email_hash,
        username: fields.seal_some(Account::USERNAME, username.as_deref()).await?,
        username_hash,
        name: fields.seal_some(Account::NAME, new.name.as_deref()).await?,
        bio: None,
        picture: fields.seal_some(Account::PICTURE, new.picture.as_deref()).await?,
        former_addresses: FormerAddresses::default(),
        email_challenge: None,
        language: context.request.language().unwrap_or_default(),
        roles: Vec::new(),
        permissions: Vec::new(),
        session_epoch: 0,
        device_epoch: 0,
        password_epoch: 0,
        login_history: None,
        mfa_since: None,
        has_void_mfa: false,
        disowned: DisownedLogins::default(),
        session_bound: 1,
        device_bound: 1,
        passkeys: 0,
        unverified_passkeys: 0,
        created_at: app.clock.now(),
        profile_updated_at: None,
        last_login_at: None,
        last_login_ip: None,
        last_login_user_agent: None,
    };
    let amr = [origin.amr.to_owned()];
    let subject = SignInSubject {
        confirmed: true,
        is_new: true,
        provider_auth_time: origin.provider_auth_time,
        ..SignInSubject::new(&account, &cipher, &amr)
    };
    let mut sign_in = issue::prepare(context, &subject, origin.options).await?;
    sign_in.answer.recovery_key = recovery_key.map(|key| key.display().to_string());
    let account = Account { last_login_at: Some(sign_in.last_login.at), ..account };
    let event = context.event(&cipher, Action::CreateAccount, Outcome::Success, origin.method).await?;

    transaction.create_account(&account, &new.salt, &sign_in.last_login);
    sign_in.add_to(&mut transaction);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(sign_in.answer),
        // Checked first, because a spent code is `invalid_code` to its winner too. The winner's account has the names
        // by now.
        Err(refused)
            if [Condition::Challenge, Condition::LoginMails, Condition::IdToken].iter().any(|it| refused.is(*it)) =>
        {
            Err(Error::InvalidCode)
        }
        Err(refused) if refused.is(Condition::Email) => Err(Error::Conflict("This address already has an account.")),
        Err(refused) if refused.is(Condition::Username) => Err(USERNAME_TAKEN),
        Err(error) => Err(error.into()),
    }
}

/// A recovery key's hash. 160 random bits need no stretching (NIST SP 800-63B-4, section 3.1.2: 112 are enough).
async fn hash_recovery_key(app: &App, key: &RecoveryKey) -> Result<String, Error> {
    let peppers = app.keyring.get(KeyPurpose::Pepper).await?;
    Ok(app.hasher.hash(key.bytes(), app.rng.bytes(), peppers.pepper(), Cost::TOKEN).await?)
}
