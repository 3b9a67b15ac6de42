//! The creation of an account. One transaction writes profile, reservations, salt, first session and audit event, and
//! consumes the challenge.

use shared::{
    app::App,
    context::Context,
    crypto::{field::UserSalt, key::KeyPurpose, password_hash::Cost, secret::RecoveryKey},
    domain::{
        account::Status,
        audit::{Action, Outcome},
        disowned_login::DisownedLogins,
        ids::UserId,
        session::SessionOptions,
    },
    error::Error,
    http::{Response, StatusCode},
    store::{Account, Challenge, Condition, Registration, challenge_key},
};

use crate::auth::{
    session::{issue, subject::SignInSubject},
    user::USERNAME_TAKEN,
};

/// The plaintext that an account is created from.
pub(super) struct NewAccount {
    pub(super) id: UserId,
    pub(super) salt: UserSalt,
    /// The address and its lookup hash.
    pub(super) email: Option<(String, String)>,
    /// The username and its lookup hash.
    pub(super) username: Option<(String, String)>,
    pub(super) name: Option<String>,
    pub(super) password: String,
}

impl NewAccount {
    /// The account of a registration with a proven address. `password` is the account's hash.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the key.
    pub(super) async fn from_challenge(
        app: &App,
        challenge: &Challenge<Registration>,
        password: String,
    ) -> Result<Self, Error> {
        let registration = &challenge.payload;
        let cipher = app.user_cipher(registration.salt.clone());
        let fields = cipher.item(&challenge_key(&challenge.id));
        let email = fields.open(Registration::EMAIL, &registration.email).await?.to_string();
        let username = fields.open_some(Registration::USERNAME, registration.username.as_ref()).await?;
        Ok(Self {
            id: challenge.user_id.clone(),
            salt: registration.salt.clone(),
            email: Some((email, registration.email_hash.clone())),
            username: username.zip(registration.username_hash.clone()),
            name: fields.open_some(Registration::NAME, registration.name.as_ref()).await?,
            password,
        })
    }
}

/// The request that creates the account.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The proven registration, if any.
    pub(super) challenge: Option<&'a Challenge<Registration>>,
    pub(super) options: &'a SessionOptions,
    /// The audit event's method.
    pub(super) method: &'static str,
}

impl<'a> Origin<'a> {
    pub(super) const fn new(
        challenge: &'a Challenge<Registration>,
        options: &'a SessionOptions,
        method: &'static str,
    ) -> Self {
        Self { challenge: Some(challenge), options, method }
    }
}

/// Creates the account and logs its owner in. Answers 201 with the recovery key, which no later answer has.
///
/// # Errors
/// `invalid_code` if the challenge was spent meanwhile; `conflict` if the address or the username was taken meanwhile.
pub(super) async fn create(context: Context<'_>, new: NewAccount, origin: Origin<'_>) -> Result<Response, Error> {
    let app = context.app;
    let cipher = app.user_cipher(new.salt.clone());
    let fields = cipher.item(&Account::key(&new.id));
    let recovery_key = RecoveryKey::random(&*app.rng);
    let (email, email_hash) = new.email.unzip();
    let (username, username_hash) = new.username.unzip();
    let account = Account {
        id: new.id.clone(),
        status: Status::Active,
        password: Some(new.password),
        recovery_key: Some(hash_recovery_key(app, &recovery_key).await?),
        email: fields.seal_some(Account::EMAIL, email.as_deref()).await?,
        email_hash,
        username: fields.seal_some(Account::USERNAME, username.as_deref()).await?,
        username_hash,
        name: fields.seal_some(Account::NAME, new.name.as_deref()).await?,
        bio: None,
        picture: None,
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
        created_at: app.clock.now(),
        last_login_at: None,
        last_login_ip: None,
        last_login_user_agent: None,
    };
    let amr = ["pwd".to_owned()];
    let subject = SignInSubject { confirmed: true, is_new: true, ..SignInSubject::new(&account, &cipher, &amr) };
    let mut sign_in = issue::prepare(context, &subject, origin.options).await?;
    sign_in.answer.recovery_key = Some(recovery_key.display().to_string());
    let account = Account { last_login_at: Some(sign_in.last_login.at), ..account };
    let event = context.event(&cipher, Action::CreateAccount, Outcome::Success, origin.method).await?;

    let mut transaction = app.store.transaction();
    if let Some(challenge) = origin.challenge {
        transaction.consume_challenge(challenge);
    }
    transaction.create_account(&account, &new.salt, &sign_in.last_login);
    sign_in.add_to(&mut transaction);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(sign_in.answer.into_response(StatusCode::CREATED)),
        // Checked first, because a spent code is `invalid_code` to its winner too. The winner's account has the names
        // by now.
        Err(refused) if refused.is(Condition::Challenge) => Err(Error::InvalidCode),
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
