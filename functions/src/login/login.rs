//! `POST /v1/login`: e-mail address or username, and password. Known and unknown accounts are asked the same of the tables, hashed
//! alike, and answered alike.

use std::sync::Arc;

use shared::{
    app::App,
    crypto::{
        lookup_hash::{Subject, lookup_hash},
        password_hash::{Pepper, needs_rehash},
    },
    domain::{
        account::Status,
        audit::{Action, Outcome},
        identifier::Identifier,
        limits::LOGIN_BY_NETWORK,
        network,
        password::Password,
        session::SessionOptions,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::{KeySet, Purpose},
    operation::Operation,
    store::{Account, Attempt, Transaction},
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
    let index = app.keyring.get(Purpose::Index).await?;

    // First round trip: count the request, and find out whose the identifier is.
    let network = lookup_hash(&index, Subject::Network, network::of_limits(request.client.ip).as_bytes());
    let counted = app.store.count(LOGIN_BY_NETWORK, &network, app.config.limit_factor, now);
    let (typed, owner) = match &form.identifier {
        Identifier::Email(email) => {
            let hash = lookup_hash(&index, Subject::Email, email.as_str().as_bytes());
            let owner = futures::future::try_join(counted, app.store.email_owner(&hash)).await?.1;
            (hash, owner)
        }
        Identifier::Username(username) => {
            let hash = lookup_hash(&index, Subject::Username, username.normalised().as_bytes());
            let owner = futures::future::try_join(counted, app.store.username_owner(&hash)).await?.1;
            (hash, owner)
        }
    };

    // Second: reserve an attempt, and load the account. An unknown identifier stands for an account of its own that isn't there.
    let (unknown_id, unknown_vault) = Vault::of_unknown(&app, &typed).await?;
    let id = owner.unwrap_or(unknown_id);
    let account_key = id.to_string();
    let (attempt, loaded) = futures::future::join(
        app.store.reserve_login("password", &account_key, app.config.limit_factor, now),
        app.store.load(&id, None),
    )
    .await;
    let loaded = loaded?;
    let vault = loaded.salt.map_or(unknown_vault, |salt| Vault::new(&app, salt));
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(error @ Error::LockedOut { .. }) => return refuse(&app, &request, &vault, error).await,
        Err(error) => return Err(error),
    };

    let peppers = app.keyring.get(Purpose::Pepper).await?;
    let known = loaded.account.as_ref().and_then(|account| account.password.as_deref());
    let right = match known {
        Some(hash) => {
            let key = |version| peppers.version(version).map(|key| key.bytes().to_vec());
            app.hasher.verify(form.password.bytes(), hash, key).await?
        }
        None => app.hasher.verify_dummy(form.password.bytes(), pepper(&peppers), app.config.password_cost).await?,
    };
    let account = match loaded.account {
        Some(account) if right => account,
        _ => return refuse(&app, &request, &vault, Error::InvalidCredentials).await,
    };
    if account.status == Status::Banned {
        return refuse(&app, &request, &vault, Error::AccountBanned).await;
    }
    // Third: the session, the event, and the attempt given back, together.
    admit(&app, &request, &form, &vault, account, &attempt, &peppers).await
}

async fn admit(
    app: &App,
    request: &Request,
    form: &Form,
    vault: &Vault<'_>,
    account: Account,
    attempt: &Attempt,
    peppers: &KeySet,
) -> Result<Response, Error> {
    let outdated = account
        .password
        .as_deref()
        .is_some_and(|hash| needs_rehash(hash, app.config.password_cost, peppers.newest().version));
    let rehashed = if outdated {
        let salt = app.rng.bytes();
        Some(app.hasher.hash(form.password.bytes(), salt, pepper(peppers), app.config.password_cost).await?)
    } else {
        None
    };
    let active = Account { status: Status::Active, ..account.clone() };
    let sign_in = sign_in::prepare(app, vault, &active, &request.client, &form.options, &["pwd"]).await?;
    let event = vault.event(Action::Login, Outcome::Success, "password", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.note_login(&app.store, &account, &sign_in.last_login, rehashed.as_deref());
    transaction.create_session(&app.store, &sign_in.session);
    transaction.audit(&app.store, &event);
    transaction.give_back(&app.store, attempt);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::json(StatusCode::OK, &sign_in.answer)),
        // The password or the account's state was changed while this one was compared: what was right no longer is. (Where
        // another login only renewed the hash, the same password is right at the next try.)
        Err(refused) if refused.refused("account") => refuse(app, request, vault, Error::InvalidCredentials).await,
        Err(error) => Err(error.into()),
    }
}

async fn refuse(app: &App, request: &Request, vault: &Vault<'_>, error: Error) -> Result<Response, Error> {
    let event = vault.event(Action::Login, Outcome::Failure(error.code()), "password", &request.client).await?;
    app.store.write_down(&event).await?;
    Err(error)
}

fn pepper(peppers: &KeySet) -> Pepper<'_> {
    let newest = peppers.newest();
    Pepper { version: newest.version, key: newest.bytes() }
}
