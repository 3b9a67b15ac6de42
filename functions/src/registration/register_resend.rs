//! `POST /v1/register/resend`: mails a new code and link. The old ones stop working, and the attempts stay counted.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        challenge::{CODE_SECONDS, MAX_ATTEMPTS},
        limits::{RESEND_BY_NETWORK, VERIFICATION_MAIL_BY_ADDRESS},
        session::OpaqueText,
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Operation, Route,
        contract::{Contract, Link},
    },
    store::{Challenge, Condition, Expected, Registration, challenge_key},
};

use super::mail::{self, Recipient};
use crate::auth::limits::Network;

pub const OPERATION: Operation = Operation::http("register-resend", |context| Box::pin(handle(context)))
    .summary("mails another code and link; the old ones stop working")
    .routes(&[Route::new("POST", "/v1/register/resend")])
    .memory(512)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[RESEND_BY_NETWORK, VERIFICATION_MAIL_BY_ADDRESS])
    .contract(contract);

fn contract() -> Contract {
    let pending = schema::Object::new("RegistrationPending", "A code and a link were mailed.")
        .with("registration_id", schema::text("Names the registration.", schema::TOKEN))
        .with("expires_in", schema::number("Seconds in which the code works.", CODE_SECONDS));
    Contract::new()
        .json(schema::Form::new("RegisterResend").required::<OpaqueText>("registration_id", "Names the registration."))
        .answers(202, "Another code and another link were mailed.", pending.schema())
        .then([
            Link::new("register-verify", &[("registration_id", "/registration_id")]),
            Link::new("register-resend", &[("registration_id", "/registration_id")]),
        ])
        .errors([Error::InvalidCode])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let mut fields = request.fields()?;
    let id: Option<OpaqueText> = fields.required("registration_id");
    let id = fields.finish(|| id)?.0;
    let network = Network::of(&*app.keyring.get(KeyPurpose::Index).await?, request);
    network.count(app, RESEND_BY_NETWORK).await?;
    let now = app.clock.now();
    let found: Option<Challenge<Registration>> = app.store.challenge(&id, now).await?;
    let challenge = found.ok_or(Error::InvalidCode)?;
    let registration = &challenge.payload;
    if matches!(challenge.expected, Expected::ContinuationToken(_)) || challenge.attempts >= MAX_ATTEMPTS {
        return Err(Error::InvalidCode);
    }
    app.store.count(app.config.limit(VERIFICATION_MAIL_BY_ADDRESS), &registration.email_hash, now).await?;
    let cipher = app.user_cipher(registration.salt.clone());
    let address = cipher.item(&challenge_key(&id)).open(Registration::EMAIL, &registration.email).await?;
    let recipient = Recipient {
        cipher: &cipher,
        challenge: &id,
        address: &address,
        language: request.language().unwrap_or_default(),
        sender: &network,
        decoy: registration.decoy,
        ends_at: challenge.ends_at,
    };
    let (expected, mail) = mail::prepare(app, &recipient).await?;
    let expires_in = CODE_SECONDS.min(challenge.ends_at.seconds() - now.seconds());
    let event = context.event(&cipher, Action::Register, Outcome::Success, "resend").await?;
    let mut transaction = app.store.transaction();
    transaction.reissue_challenge(&challenge, &expected);
    transaction.put_mail(&mail);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => {}
        // A parallel request has proven or resent it.
        Err(refused) if refused.is(Condition::Challenge) => return Err(Error::InvalidCode),
        Err(error) => return Err(error.into()),
    }
    Ok(Response::json(StatusCode::ACCEPTED, &json!({ "registration_id": id, "expires_in": expires_in })))
}
