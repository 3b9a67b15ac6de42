//! `POST /v1/register/resend`: another code and link. The old ones stop working; the count of guesses stays.

use std::sync::Arc;

use serde_json::json;
use shared::{
    app::App,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        challenge::{CODE_SECONDS, ChallengeKind, MAX_ATTEMPTS},
        limits::VERIFICATION_MAIL_BY_ADDRESS,
        session::OpaqueText,
    },
    error::Error,
    http::{Request, Response, StatusCode},
    operation::Operation,
    store::{Challenge, Pending, Transaction},
    user_cipher::UserCipher,
};

use super::mail;

/// `register-resend`
pub const OPERATION: Operation = Operation::http(
    "register-resend",
    &[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ],
    |app, request| Box::pin(handle(app, request)),
);

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let mut fields = request.fields()?;
    let id: Option<OpaqueText> = fields.required("registration_id");
    let id = fields.finish(|| id)?.0;
    let now = app.clock.now();
    let found = app.store.challenge(&id, ChallengeKind::Registration, now).await?;
    let challenge = found.ok_or(Error::InvalidCode)?;
    let registration = challenge.registration()?;
    if matches!(challenge.pending, Pending::Proven(_)) || challenge.attempts >= MAX_ATTEMPTS {
        return Err(Error::InvalidCode);
    }
    app.store.count(app.config.limit(VERIFICATION_MAIL_BY_ADDRESS), &registration.email_hash, now).await?;
    let cipher = UserCipher::new(&app, registration.salt.clone());
    let item = Challenge::item_key(&id);
    let email = cipher.open(KeyPurpose::FieldContact, Challenge::place(&item, "email"), &registration.email).await?;
    let (pending, mail) = mail::prepare(&app, &cipher, &id, &email, registration.decoy, challenge.ends_at).await?;
    let expires_in = CODE_SECONDS.min(challenge.ends_at.seconds() - now.seconds());
    let event = cipher.event(Action::Register, Outcome::Success, "resend", &request.client).await?;
    let mut transaction = Transaction::new();
    transaction.reissue_challenge(&app.store, &challenge, &pending);
    transaction.put_mail(&app.store, &mail);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => {}
        // Proven or sent again at this very moment: this request came second and changes nothing.
        Err(refused) if refused.refused("challenge") => return Err(Error::InvalidCode),
        Err(error) => return Err(error.into()),
    }
    Ok(Response::json(StatusCode::ACCEPTED, &json!({ "registration_id": id, "expires_in": expires_in })))
}
