//! `POST /v1/passkeys`: adds the passkey that the browser created.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        limits::{CHANGES_BY_SESSION, FACTOR_CHANGES_BY_SESSION},
        mail::Content,
        name::DisplayText,
        passkey_provider,
        session::OpaqueText,
    },
    error::Error,
    fields::schema,
    http::{Request, Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{Challenge, Condition, MAX_PASSKEYS, PasskeyRegistration, SecretKind, StoredPasskey},
    webauthn::RegistrationResponse,
};

use super::passkey_options::TOO_MANY;
use crate::auth::{
    caller::{self, Caller},
    limits,
    mfa::{
        codes,
        passkey::{self, PasskeyView},
    },
    user,
};

pub const OPERATION: Operation = Operation::http("passkey-register", |context| Box::pin(handle(context)))
    .summary("adds the passkey that the browser created")
    .routes(&[Route::new("POST", "/v1/passkeys")])
    .access(Access::FreshSession)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[CHANGES_BY_SESSION, FACTOR_CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("PasskeyRegister")
        .required::<OpaqueText>("challenge_id", "The challenge of `passkeyOptions`.")
        .required::<RegistrationResponse>("credential", "The new credential.")
        .optional::<DisplayText>("name", "The name that lists show.");
    Contract::new()
        .json(form)
        .answers(201, "The passkey.", PasskeyView::schema())
        .then([Link::new("passkey-update", &[("id", "/id")]), Link::new("passkey-remove", &[("id", "/id")])])
        .errors([Error::InvalidCode, TOO_MANY, KNOWN])
}

const KNOWN: Error = Error::Conflict("This passkey is already registered.");

struct Form {
    challenge_id: OpaqueText,
    credential: RegistrationResponse,
    name: Option<DisplayText>,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let challenge_id = fields.required("challenge_id");
        let credential = fields.required("credential");
        let name = fields.optional("name");
        fields.finish(|| Some(Self { challenge_id: challenge_id?, credential: credential?, name }))
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let form = Form::parse(context.request)?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = register(context, &caller, &form).await;
    caller.record_refusal(context, Action::RegisterPasskey, "passkey", done).await
}

async fn register(context: Context<'_>, caller: &Caller<'_>, form: &Form) -> Result<Response, Error> {
    let app = context.app;
    caller.require_fresh(app)?;
    let (account, cipher, now) = (&caller.account, &caller.cipher, app.clock.now());
    let found = app.store.challenge(&form.challenge_id.0, now).await?;
    let challenge: Challenge<PasskeyRegistration> = found.ok_or(Error::InvalidCode)?;
    // A challenge of another session or user does not work for this session.
    if challenge.payload.session_hash != caller.session.hash || challenge.user_id != account.id {
        return Err(Error::InvalidCode);
    }
    let reserved = app.store.reserve_attempt(&challenge.id, SecretKind::Signature, now).await?;
    let _: Challenge<PasskeyRegistration> = reserved.ok_or(Error::InvalidCode)?;
    let state = &challenge.payload.state;
    let state = passkey::open_state(app, PasskeyRegistration::STATE, &challenge.id, state).await?;
    let created = app.relying_party().await?.verify_registration(&form.credential, &state)?;
    if account.passkeys >= MAX_PASSKEYS {
        return Err(TOO_MANY);
    }

    let index = app.keyring.get(KeyPurpose::Index).await?;
    let id = passkey::id(&index, created.credential.id());
    let fields = cipher.item(&StoredPasskey::key(&account.id, &id));
    let name = match &form.name {
        Some(name) => name.as_str(),
        None => passkey_provider::name(created.aaguid).unwrap_or(passkey_provider::UNNAMED),
    };
    let stored = StoredPasskey {
        user_id: account.id.clone(),
        credential: fields.seal_json(StoredPasskey::CREDENTIAL, &created.credential).await?,
        name: fields.seal(StoredPasskey::NAME, name).await?,
        sign_count: created.signals.sign_count,
        backup_eligible: created.signals.backup_eligible,
        backed_up: created.signals.backed_up,
        verified: created.user_verified,
        created_at: now,
        device_epoch: account.device_epoch,
        last_used_at: None,
        id,
    };
    let event = context.event(cipher, Action::RegisterPasskey, Outcome::Success, "passkey").await?;
    let mut transaction = app.store.transaction();
    codes::count_change(app, caller, &mut transaction);
    transaction.consume_challenge(&challenge);
    // The id of a decoy is refused as that of a registered passkey. Otherwise an attempt to register it would reveal the decoy.
    if passkey::is_decoy(&index, created.credential.id()) {
        transaction.refuse_passkey(&stored);
    } else {
        transaction.create_passkey(&stored);
    }
    transaction.count_new_passkey(account, &stored);
    transaction.require_session(&caller.session);
    transaction.record_event(&event);
    let content = Content::PasskeyAdded { at: now.rfc3339(), name: passkey_provider::name_in_mail(name).to_owned() };
    user::notify_owner(app, cipher, account, content, &mut transaction).await?;
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::json(StatusCode::CREATED, &PasskeyView::open(cipher, &stored).await?)),
        Err(refused) if refused.is(Condition::Challenge) => Err(Error::InvalidCode),
        Err(refused) if refused.is(Condition::Passkey) => Err(KNOWN),
        Err(refused) if refused.is(Condition::Limit) => Err(codes::too_many_changes(app, caller)),
        Err(refused) => Err(refused.into()),
    }
}
