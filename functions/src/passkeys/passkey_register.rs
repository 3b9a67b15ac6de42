//! `POST /v1/passkeys`: adds the passkey that the caller's browser made.

use std::sync::Arc;

use shared::{
    app::App,
    domain::{
        audit::{Action, Outcome},
        challenge::Purpose as ChallengePurpose,
        mail::Content,
        name::DisplayText,
        passkey_provider,
        session::OpaqueText,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::{About, Guess, MAX_PASSKEYS, StoredPasskey, Transaction, passkey_key},
    webauthn::{Registration, RelyingParty},
};

use super::passkey_options::TOO_MANY;
use crate::{
    authentication::{self, Caller},
    factor,
    passkey::{self, ShownPasskey},
    user,
};

/// `passkey-register`
pub const OPERATION: Operation = Operation::http(
    "passkey-register",
    &[
        Purpose::Index,
        Purpose::Csrf,
        Purpose::FieldContact,
        Purpose::FieldMfa,
        Purpose::FieldSession,
        Purpose::FieldIp,
        Purpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

struct Form {
    challenge_id: OpaqueText,
    registration: Registration,
    name: Option<DisplayText>,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let challenge_id = fields.required("challenge_id");
        let registration = fields.required("credential");
        let name = fields.optional("name");
        fields.finish(|| Some(Self { challenge_id: challenge_id?, registration: registration?, name }))
    }
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let form = Form::parse(&request)?;
    let caller = authentication::caller(&app, &request).await?;
    let done = register(&app, &request, &caller, &form).await;
    caller.audit_refusal(&app, &request, Action::RegisterPasskey, "passkey", done).await
}

async fn register(app: &App, request: &Request, caller: &Caller<'_>, form: &Form) -> Result<Response, Error> {
    caller.demand_fresh(app)?;
    let (account, vault, now) = (&caller.account, &caller.vault, app.clock.now());
    let challenge = app.store.challenge(&form.challenge_id.0, ChallengePurpose::PasskeyRegistration, now).await?;
    let challenge = challenge.ok_or(Error::InvalidCode)?;
    // One asked for in another session, or by another user, is none of this one's.
    let About::PasskeyRegistration(asked) = &challenge.about else { return Err(Error::InvalidCode) };
    if asked.session_hash != caller.session.hash || challenge.user_id != account.id {
        return Err(Error::InvalidCode);
    }
    let reserved =
        app.store.reserve_attempt(&challenge.id, ChallengePurpose::PasskeyRegistration, Guess::Signature, now);
    reserved.await?.ok_or(Error::InvalidCode)?;
    let state = passkey::open_state(app, &challenge.id, &asked.state).await?;
    let made = RelyingParty::of(app).await?.registered(&form.registration, &state)?;
    if account.passkeys >= MAX_PASSKEYS {
        return Err(TOO_MANY);
    }

    let index = app.keyring.get(Purpose::Index).await?;
    let id = passkey::id(&index, made.credential.id());
    let item = passkey_key(&account.id, &id);
    let name = match &form.name {
        Some(name) => name.as_str(),
        None => passkey_provider::name(made.aaguid).unwrap_or("Passkey"),
    };
    let place = |attribute| StoredPasskey::place(&item, attribute);
    let stored = StoredPasskey {
        user_id: account.id.clone(),
        credential: vault.seal_json(Purpose::FieldMfa, place("credential"), &made.credential).await?,
        name: vault.seal(Purpose::FieldMfa, place("passkey_name"), name).await?,
        sign_count: made.signals.sign_count,
        backup_eligible: made.signals.backup_eligible,
        backed_up: made.signals.backed_up,
        created_at: now,
        last_used_at: None,
        id,
    };
    let event = vault.event(Action::RegisterPasskey, Outcome::Success, "passkey", &request.client).await?;
    let mut transaction = Transaction::new();
    factor::count_change(app, caller, &mut transaction);
    transaction.consume_challenge(&app.store, &challenge);
    transaction.create_passkey(&app.store, &stored);
    transaction.count_passkey(&app.store, account);
    transaction.demand_session(&app.store, &caller.session);
    transaction.audit(&app.store, &event);
    let content = Content::PasskeyAdded { at: now.rfc3339(), name: name.to_owned() };
    user::tell(app, vault, account, content, &mut transaction).await?;
    match app.store.commit(transaction).await {
        Ok(()) => Ok(Response::json(StatusCode::CREATED, &ShownPasskey::of(vault, &stored).await?)),
        Err(refused) if refused.refused("challenge") => Err(Error::InvalidCode),
        Err(refused) if refused.refused("passkey") => Err(Error::Conflict("This passkey is already registered.")),
        Err(refused) if refused.refused("limit") => Err(factor::too_many_changes(app, caller)),
        Err(refused) => Err(authentication::changed(refused)),
    }
}
