//! `PATCH /v1/me`: changes the caller's name, biography, picture or username.

use shared::{
    context::Context,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
    },
    domain::{
        audit::{Action, Outcome},
        limits::CHANGES_BY_SESSION,
        name::DisplayText,
        profile::{LongText, PictureUrl},
        username::Username,
    },
    error::Error,
    fields::{Change, schema},
    http::{Request, Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::{Account, Condition, NewUsername, ProfileChange},
};

use crate::auth::{
    caller::{self, Caller},
    limits,
    user::{USERNAME_TAKEN, User},
};

pub const OPERATION: Operation = Operation::http("profile-update", |context| Box::pin(handle(context)))
    .summary("changes the caller's name, biography, picture or username")
    .routes(&[Route::new("PATCH", "/v1/me")])
    .access(Access::Session)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
    ])
    .limits(&[CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("ProfileUpdate")
        .change::<DisplayText>("name", "The user's name.")
        .change::<LongText>("bio", "A text about the user.")
        .change::<PictureUrl>("picture", "The URL of a picture.")
        .change::<Username>("username", "The username. An account without an address keeps one.");
    Contract::new()
        .json(form)
        .answers(200, "The account.", User::schema())
        .errors([USERNAME_TAKEN, Error::ReauthenticationRequired])
}

struct Form {
    name: Change<DisplayText>,
    bio: Change<LongText>,
    picture: Change<PictureUrl>,
    username: Change<Username>,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let form = Self {
            name: fields.change("name"),
            bio: fields.change("bio"),
            picture: fields.change("picture"),
            username: fields.change("username"),
        };
        fields.finish(|| Some(form))
    }

    /// What changes, for the audit event. `None` if nothing does.
    fn method(&self) -> Option<&'static str> {
        let profile = self.name != Change::Keep || self.bio != Change::Keep || self.picture != Change::Keep;
        match (profile, matches!(self.username, Change::Keep)) {
            (_, false) => Some("username"),
            (true, true) => Some("profile"),
            (false, true) => None,
        }
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let form = Form::parse(context.request)?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let account = match form.method() {
        Some(method) => {
            let done = change(context, &caller, &form, method).await;
            caller.record_refusal(context, Action::UpdateProfile, method, done).await?
        }
        None => caller.account.clone(),
    };
    Ok(Response::json(StatusCode::OK, &User::open(&caller.cipher, &account).await?))
}

async fn change(
    context: Context<'_>,
    caller: &Caller<'_>,
    form: &Form,
    method: &'static str,
) -> Result<Account, Error> {
    let app = context.app;
    let Caller { account, cipher, .. } = caller;
    caller.require_confirmed()?;
    // Without a name and an address, nobody could log in.
    if matches!(form.username, Change::Clear) && account.email_hash.is_none() {
        return Err(Error::field("username", "must stay, because the account has no e-mail address"));
    }
    let fields = cipher.item(&Account::key(&account.id));
    let change = ProfileChange {
        name: fields.seal_change(Account::NAME, form.name.map(DisplayText::as_str)).await?,
        bio: fields.seal_change(Account::BIO, form.bio.map(LongText::as_str)).await?,
        picture: fields.seal_change(Account::PICTURE, form.picture.map(PictureUrl::as_str)).await?,
        username: match &form.username {
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
            Change::Set(name) => Change::Set(new_username(context, caller, name).await?),
        },
    };
    if !change.changes(account) {
        return Ok(account.clone());
    }
    let changed = change.apply(account);
    let event = context.event(cipher, Action::UpdateProfile, Outcome::Success, method).await?;
    let mut transaction = app.store.transaction();
    transaction.change_profile(account, &change, app.clock.now());
    transaction.require_session(&caller.session);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(changed),
        Err(refused) if refused.is(Condition::Username) => Err(USERNAME_TAKEN),
        Err(refused) => Err(refused.into()),
    }
}

async fn new_username(context: Context<'_>, caller: &Caller<'_>, name: &Username) -> Result<NewUsername, Error> {
    let (app, account) = (context.app, &caller.account);
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let hash = lookup_hash(&index, Subject::Username, name.normalised().as_bytes());
    // An account keeps a name that was reserved later, and may write it in another case.
    if Some(&hash) != account.username_hash.as_ref() && name.is_reserved(&app.config.reserved_usernames) {
        return Err(USERNAME_TAKEN);
    }
    let sealed = caller.cipher.item(&Account::key(&account.id)).seal(Account::USERNAME, name.as_str()).await?;
    Ok(NewUsername { sealed, hash })
}
