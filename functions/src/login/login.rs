//! `POST /v1/login`: e-mail address or username, and password. Known and unknown accounts are asked the same of the tables, hashed
//! alike, and answered alike.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::{
        lookup_hash::{Subject, lookup_hash},
        password_hash::needs_rehash,
    },
    domain::{
        account::Status,
        audit::{Action, Outcome},
        identifier::Identifier,
        ids::UserId,
        limits::LOGIN_BY_NETWORK,
        network,
        password::Password,
        session::SessionOptions,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::{KeySet, Purpose},
    operation::Operation,
    store::{Account, Attempt, Loaded, Transaction},
    vault::Vault,
};

use crate::sign_in;

/// `login`
pub const OPERATION: Operation = Operation::http(
    "login",
    &[
        Purpose::Index,
        Purpose::Pepper,
        Purpose::FieldContact,
        Purpose::FieldSession,
        Purpose::FieldIp,
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
    sign_in::check_transport(&request, &form.options)?;
    let now = app.clock.now();

    // First round trip: count the request, and find out whose the identifier is.
    let index = app.keyring.get(Purpose::Index).await?;
    let network = lookup_hash(&index, Subject::Network, network::of_limits(request.client.ip).as_bytes());
    let counted = app.store.count(LOGIN_BY_NETWORK, &network, app.config.limit_factor, now);
    let ((), (typed, owner)) = futures::future::try_join(counted, owner(&app, &index, &form.identifier)).await?;

    // Second: reserve an attempt, and load the account. An unknown identifier stands for an account of its own that isn't there.
    let (unknown_id, unknown_vault) = Vault::of_unknown(&app, &typed).await?;
    let id = owner.unwrap_or(unknown_id);
    let account_key = id.to_string();
    let reserved = app.store.reserve_login("password", &account_key, app.config.limit_factor, now);
    let (attempt, loaded) = futures::future::join(reserved, app.store.load(&id, None)).await;
    let mut loaded = loaded?;
    let vault = loaded.salt.take().map_or(unknown_vault, |salt| Vault::new(&app, salt));
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(error @ Error::LockedOut { .. }) => return refuse(&app, &request, &vault, error).await,
        Err(error) => return Err(error),
    };

    // Third: the session, the event, and the attempt given back, together. If the account was changed since it was loaded (another
    // login renewed the hash, or the password is another by now), once more with what it is now.
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    for _ in 0..2 {
        let account = match compare(&app, &form.password, &peppers, loaded).await? {
            Some(account) if account.status == Status::Banned => {
                return refuse(&app, &request, &vault, Error::AccountBanned).await;
            }
            Some(account) => account,
            None => return refuse(&app, &request, &vault, Error::InvalidCredentials).await,
        };
        if let Some(response) = admit(&app, &request, &form, &vault, account, &attempt, &peppers).await? {
            return Ok(response);
        }
        loaded = app.store.load(&id, None).await?;
    }
    Err(Error::TemporarilyUnavailable("an account changes under every look".to_owned()))
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

/// Signs the owner of the account in; `None` if the account is no longer as it was loaded.
async fn admit(
    app: &App,
    request: &Request,
    form: &Form,
    vault: &Vault<'_>,
    account: Account,
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
    let sign_in = sign_in::prepare(app, vault, &active, &request.client, &form.options, &["pwd"]).await?;
    let event = vault.event(Action::Login, Outcome::Success, "password", &request.client).await?;
    // Where somebody else tried meanwhile, the wait that stands is theirs, and stays.
    for take_back in [true, false] {
        let mut transaction = Transaction::new();
        transaction.note_login(&app.store, &account, &sign_in.last_login, rehashed.as_deref());
        transaction.create_session(&app.store, &sign_in.session);
        transaction.audit(&app.store, &event);
        transaction.give_back(&app.store, attempt, take_back);
        match app.store.commit(transaction).await {
            Ok(()) => return Ok(Some(Response::json(StatusCode::OK, &sign_in.answer))),
            Err(refused) if refused.refused("account") => return Ok(None),
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
