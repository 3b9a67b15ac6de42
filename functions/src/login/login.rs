//! `POST /v1/login`: e-mail address or username, and password. Known and unknown accounts are asked the same of the tables, hashed
//! alike, and answered alike.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::{
        device_token::DeviceToken,
        lookup_hash::{Subject, lookup_hash},
        password_hash::needs_rehash,
    },
    domain::{
        account::Status,
        audit::{Action, Outcome},
        identifier::Identifier,
        ids::UserId,
        limits::{LOGIN_BY_DEVICE, LOGIN_BY_NETWORK},
        network,
        password::Password,
        session::SessionOptions,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::{KeySet, Purpose},
    operation::Operation,
    store::{Account, Attempt, Device, Loaded, Transaction, Wanted},
    vault::Vault,
};

use crate::sign_in::{self, Entrant};

/// `login`
pub const OPERATION: Operation = Operation::http(
    "login",
    &[
        Purpose::Index,
        Purpose::Pepper,
        Purpose::FieldContact,
        Purpose::FieldSession,
        Purpose::FieldIp,
        Purpose::FieldOutbox,
        Purpose::Csrf,
        Purpose::Refresh,
        Purpose::Signing,
    ],
    |app, request| Box::pin(handle(app, request)),
);

struct Form {
    identifier: Identifier,
    password: Password,
    options: SessionOptions,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let identifier = fields.required("identifier");
        let password = fields.required("password");
        // Taken so that a client may always send it; no captcha is asked for yet, as `config` says.
        let _captcha: Option<String> = fields.optional("captcha");
        let options = SessionOptions::take(&mut fields);
        fields.finish(|| Some(Self { identifier: identifier?, password: password?, options }))
    }
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let form = Form::parse(&request)?;
    sign_in::check_transport(&app, &request, &form.options).await?;
    let now = app.clock.now();

    // First round trip: count the request, and find out whose the identifier is. A known device has a budget of its own.
    let index = app.keyring.get(Purpose::Index).await?;
    let network = lookup_hash(&index, Subject::Network, network::of_limits(request.client.ip).as_bytes());
    let by_network = || app.store.count(app.config.limit(LOGIN_BY_NETWORK), &network, now);
    let mut shown = sign_in::shown_device(&index, &request, &form.options);
    let counted = async {
        match &shown {
            Some(token) => {
                let device = token.device_id.to_string();
                app.store.count(app.config.limit(LOGIN_BY_DEVICE), &device, now).await
            }
            None => by_network().await,
        }
    };
    let ((), (typed, owner)) = futures::future::try_join(counted, owner(&app, &index, &form.identifier)).await?;

    // Second: reserve an attempt, and load the account. An unknown identifier stands for an account of its own that isn't there.
    let (unknown_id, unknown_vault) = Vault::of_unknown(&app, &typed).await?;
    let id = owner.unwrap_or(unknown_id);
    if shown.take_if(|token| token.user_id != id).is_some() {
        by_network().await?; // another account's device is a stranger to this one
    }
    let wanted = Wanted { device: shown.as_ref().map(|token| &token.device_id), ..Wanted::ACCOUNT };
    let (credential, tried_by) = match &shown {
        Some(token) => ("password/device", token.device_id.to_string()),
        None => ("password", id.to_string()),
    };
    let reserved = app.store.reserve_login(credential, &tried_by, app.config.limit_factor, now);
    let (mut attempt, loaded) = futures::future::join(reserved, app.store.load(&id, wanted)).await;
    let mut loaded = loaded?;
    let vault = loaded.salt.take().map_or(unknown_vault, |salt| Vault::new(&app, salt));
    if shown.is_some() && known_device(&app, &index, &form, &loaded, shown.as_ref()).is_none() {
        // It was known once, and has been forgotten: a stranger's budgets are what is left to it.
        by_network().await?;
        attempt = app.store.reserve_login("password", &id.to_string(), app.config.limit_factor, now).await;
    }
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(error @ Error::LockedOut { .. }) => return refuse(&app, &request, &vault, error).await,
        Err(error) => return Err(error),
    };

    // Third: the session, the event, and the attempt given back, together. If the account was changed since it was loaded (another
    // login renewed the hash, or the password is another by now), once more with what it is now.
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    for _ in 0..2 {
        let device = known_device(&app, &index, &form, &loaded, shown.as_ref());
        let account = match compare(&app, &form.password, &peppers, loaded).await? {
            Some(account) if account.status == Status::Banned => {
                return refuse(&app, &request, &vault, Error::AccountBanned).await;
            }
            Some(account) => account,
            None => return refuse(&app, &request, &vault, Error::InvalidCredentials).await,
        };
        if let Some(response) = admit(&app, &request, &form, &vault, account, device, &attempt, &peppers).await? {
            return Ok(response);
        }
        loaded = app.store.load(&id, wanted).await?;
    }
    Err(Error::TemporarilyUnavailable("an account changes under every look".to_owned()))
}

/// The device that was shown, if the account knows it.
fn known_device(
    app: &App,
    index: &KeySet,
    form: &Form,
    loaded: &Loaded,
    shown: Option<&DeviceToken>,
) -> Option<Device> {
    let ((account, device), shown) = loaded.account.as_ref().zip(loaded.device.as_ref()).zip(shown)?;
    sign_in::is_known(app, index, account, device, shown, &form.options).then(|| device.clone())
}

/// The look-up hash of what was typed, and whose it is.
async fn owner(app: &App, index: &KeySet, identifier: &Identifier) -> Result<(String, Option<UserId>), Error> {
    match identifier {
        Identifier::Email(email) => {
            let hash = lookup_hash(index, Subject::Email, email.as_str().as_bytes());
            let owner = app.store.email_owner(&hash).await?;
            Ok((hash, owner))
        }
        Identifier::Username(username) => {
            let hash = lookup_hash(index, Subject::Username, username.normalised().as_bytes());
            let owner = app.store.username_owner(&hash).await?;
            Ok((hash, owner))
        }
    }
}

/// The account, if it is there and the password is its own. The same work if it isn't.
async fn compare(app: &App, password: &Password, peppers: &KeySet, loaded: Loaded) -> Result<Option<Account>, Error> {
    let known = loaded.account.as_ref().and_then(|account| account.password.as_deref());
    let right = match known {
        Some(hash) => app.hasher.verify(password.bytes(), hash, |version| peppers.bytes_of(version)).await?,
        None => app.hasher.verify_dummy(password.bytes(), peppers.pepper(), app.config.password_cost).await?,
    };
    Ok(loaded.account.filter(|_| right))
}

/// Signs the owner of the account in; `None` if the account, the device or a session is no longer as it was loaded.
#[expect(clippy::too_many_arguments, reason = "all that a login has found out so far")]
async fn admit(
    app: &App,
    request: &Request,
    form: &Form,
    vault: &Vault<'_>,
    account: Account,
    device: Option<Device>,
    attempt: &Attempt,
    peppers: &KeySet,
) -> Result<Option<Response>, Error> {
    let cost = app.config.password_cost;
    let outdated = account.password.as_deref().is_some_and(|hash| needs_rehash(hash, cost, peppers.newest().version));
    let rehashed = if outdated {
        Some(app.hasher.hash(form.password.bytes(), app.rng.bytes(), peppers.pepper(), cost).await?)
    } else {
        None
    };
    let active = Account { status: Status::Active, ..account.clone() };
    let entrant = Entrant { account: &active, vault, amr: &["pwd"], device: device.as_ref(), is_new: false };
    let sign_in = sign_in::prepare(app, &entrant, request, &form.options).await?;
    let event = vault.event(Action::Login, Outcome::Success, "password", &request.client).await?;
    // Where somebody else tried meanwhile, the wait that stands is theirs, and stays.
    for take_back in [true, false] {
        let mut transaction = Transaction::new();
        transaction.note_login(&app.store, &account, &sign_in.last_login, rehashed.as_deref());
        sign_in.add_to(&mut transaction, app);
        transaction.audit(&app.store, &event);
        transaction.give_back(&app.store, attempt, take_back);
        match app.store.commit(transaction).await {
            Ok(()) => return Ok(Some(sign_in.answer.into_response(StatusCode::OK))),
            Err(refused) if ["account", "device", "session"].iter().any(|what| refused.refused(what)) => {
                return Ok(None);
            }
            Err(refused) if refused.refused("lock") => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::internal("an attempt could not be given back"))
}

async fn refuse(app: &App, request: &Request, vault: &Vault<'_>, error: Error) -> Result<Response, Error> {
    let event = vault.event(Action::Login, Outcome::Failure(error.code()), "password", &request.client).await?;
    app.store.write_down(&event).await?;
    Err(error)
}
