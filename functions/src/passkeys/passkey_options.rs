//! `POST /v1/passkeys/options`: what a browser is asked for to make a passkey for the caller.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::secret::Token,
    domain::{audit::Action, challenge::PASSKEY_SECONDS},
    error::Error,
    http::{Request, Response, StatusCode},
    keyring::Purpose,
    operation::Operation,
    store::{About, Challenge, MAX_PASSKEYS, PasskeyRegistration, Pending, Transaction},
    webauthn::RelyingParty,
};

use crate::{
    authentication::{self, Caller},
    passkey,
    user::User,
};

/// `passkey-options`
pub const OPERATION: Operation = Operation::http(
    "passkey-options",
    &[Purpose::Index, Purpose::Csrf, Purpose::FieldContact, Purpose::FieldMfa, Purpose::FieldSession, Purpose::FieldIp],
    |app, request| Box::pin(handle(app, request)),
);

/// What is told where there are too many.
pub(super) const TOO_MANY: Error = Error::Conflict("This account has the maximum number of passkeys.");

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    request.fields()?.finish(|| Some(()))?;
    let caller = authentication::caller(&app, &request).await?;
    let done = ask(&app, &caller).await;
    caller.audit_refusal(&app, &request, Action::RegisterPasskey, "passkey", done).await
}

async fn ask(app: &App, caller: &Caller<'_>) -> Result<Response, Error> {
    caller.demand_fresh(app)?;
    let (account, vault) = (&caller.account, &caller.vault);
    if account.passkeys >= MAX_PASSKEYS {
        return Err(TOO_MANY);
    }
    let have = passkey::allowed(vault, &app.store.passkeys(&account.id).await?).await?;
    let have = have.into_iter().map(|known| known.id).collect();
    let known_as = User::of(vault, account).await?.known_as();
    let options = RelyingParty::of(app).await?.ask_to_register(&account.id, &known_as, have)?;
    let id = Token::random(&*app.rng).encode();
    let challenge = Challenge {
        user_id: account.id.clone(),
        about: About::PasskeyRegistration(PasskeyRegistration {
            session_hash: caller.session.hash.clone(),
            state: passkey::seal_state(app, &id, &options.state).await?,
        }),
        pending: Pending::Signature,
        generation: 1,
        attempts: 0,
        ends_at: app.clock.now().plus_seconds(PASSKEY_SECONDS),
        id: id.clone(),
    };
    let mut transaction = Transaction::new();
    transaction.issue_challenge(&app.store, &challenge);
    app.store.commit(transaction).await?;
    Ok(Response::json(StatusCode::OK, &json!({ "challenge_id": id, "publicKey": options.options })))
}
