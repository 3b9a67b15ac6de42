//! The making of an account: its item, its reservations, its salt, its first session and the event, in one transaction with the
//! challenge that it came from.

use shared::{
    app::App,
    crypto::{field::UserSalt, password_hash::Cost, secret::RecoveryKey},
    domain::{
        account::Status,
        audit::{Action, Outcome},
        ids::UserId,
        session::SessionOptions,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    store::{Account, Challenge, Transaction},
    vault::Vault,
};

use crate::sign_in::{self, Entrant};

/// The one thing about others' accounts that is told.
pub(super) const USERNAME_TAKEN: Error = Error::Conflict("This username is already taken.");

/// What an account is made of, in the clear.
pub(super) struct NewAccount {
    pub(super) id: UserId,
    pub(super) salt: UserSalt,
    /// The address and its look-up hash.
    pub(super) email: Option<(String, String)>,
    /// The username and its look-up hash.
    pub(super) username: Option<(String, String)>,
    pub(super) name: Option<String>,
    /// The password's hash.
    pub(super) password: String,
}

impl NewAccount {
    /// What a registration kept until its address was proven; `password` is the account's hash.
    pub(super) async fn from_challenge(app: &App, challenge: &Challenge, password: String) -> Result<Self, Error> {
        let registration = challenge.registration()?;
        let vault = Vault::new(app, registration.salt.clone());
        let item = Challenge::item_key(&challenge.id);
        let open = async |attribute, sealed: Option<&String>| -> Result<Option<String>, Error> {
            let Some(sealed) = sealed else { return Ok(None) };
            let text = vault.open(Purpose::FieldContact, Challenge::place(&item, attribute), sealed).await?;
            Ok(Some(text.to_string()))
        };
        let email = open("email", Some(&registration.email)).await?.unwrap_or_default();
        Ok(Self {
            id: challenge.user_id.clone(),
            salt: registration.salt.clone(),
            email: Some((email, registration.email_hash.clone())),
            username: open("username", registration.username.as_ref()).await?.zip(registration.username_hash.clone()),
            name: open("name", registration.name.as_ref()).await?,
            password,
        })
    }
}

/// Makes the account and signs its owner in: 201, with the recovery key, which is shown this once.
///
/// # Errors
/// `invalid_code` where the challenge was spent meanwhile; `conflict` where the address or the username was taken meanwhile.
pub(super) async fn create(
    app: &App,
    new: NewAccount,
    challenge: Option<&Challenge>,
    request: &Request,
    options: &SessionOptions,
    method: &'static str,
) -> Result<Response, Error> {
    let vault = Vault::new(app, new.salt.clone());
    let item = Account::item_key(&new.id);
    let seal = async |attribute, text: Option<&String>| -> Result<Option<String>, Error> {
        let Some(text) = text else { return Ok(None) };
        Ok(Some(vault.seal(Purpose::FieldContact, Account::place(&item, attribute), text).await?))
    };
    let recovery_key = RecoveryKey::random(&*app.rng);
    let (email, email_hash) = new.email.unzip();
    let (username, username_hash) = new.username.unzip();
    let account = Account {
        id: new.id.clone(),
        status: Status::Active,
        password: Some(new.password),
        recovery_key: Some(hash_recovery_key(app, &recovery_key).await?),
        email: seal("email", email.as_ref()).await?,
        email_hash,
        username: seal("username", username.as_ref()).await?,
        username_hash,
        name: seal("name", new.name.as_ref()).await?,
        bio: None,
        picture: None,
        roles: Vec::new(),
        permissions: Vec::new(),
        session_epoch: 0,
        device_epoch: 0,
        footprints: None,
        mfa_since: None,
        passkeys: 0,
        created_at: app.clock.now(),
        last_login_at: None,
    };
    let entrant = Entrant {
        account: &account,
        vault: &vault,
        amr: &["pwd".to_owned()],
        confirmed: true,
        device: None,
        trust: None,
        relied_on: None,
        is_new: true,
    };
    let mut sign_in = sign_in::prepare(app, &entrant, request, options).await?;
    sign_in.answer.recovery_key = Some(recovery_key.display().to_string());
    let account = Account { last_login_at: Some(sign_in.last_login.at), ..account };
    let event = vault.event(Action::CreateAccount, Outcome::Success, method, &request.client).await?;

    let mut transaction = Transaction::new();
    if let Some(challenge) = challenge {
        transaction.consume_challenge(&app.store, challenge);
    }
    transaction.create_account(&app.store, &account, &new.salt, &sign_in.last_login);
    sign_in.add_to(&mut transaction, app);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(sign_in.answer.into_response(StatusCode::CREATED)),
        // First of all: a spent code is a spent code for everyone, its winner included, whose account now has the names.
        Err(refused) if refused.refused("challenge") => Err(Error::InvalidCode),
        Err(refused) if refused.refused("email") => Err(Error::Conflict("This address already has an account.")),
        Err(refused) if refused.refused("username") => Err(USERNAME_TAKEN),
        Err(error) => Err(error.into()),
    }
}

/// A recovery key's hash: 160 random bits need no stretching (NIST SP 800-63B-4, section 3.1.2: 112 are enough).
async fn hash_recovery_key(app: &App, key: &RecoveryKey) -> Result<String, Error> {
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    Ok(app.hasher.hash(key.bytes(), app.rng.bytes(), peppers.pepper(), Cost::TOKEN).await?)
}
