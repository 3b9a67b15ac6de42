//! `POST /v1/mfa/totp`: a new secret for an authenticator app. Logins do not ask for it before its first code.

use serde_json::json;
use shared::{
    context::Context,
    crypto::{key::KeyPurpose, totp::TotpSecret},
    domain::{
        audit::{Action, Outcome},
        limits::CHANGES_BY_SESSION,
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::Factors,
};

use crate::auth::{
    caller::{self, Caller},
    limits,
    user::User,
};

pub const OPERATION: Operation = Operation::http("totp-setup", |context| Box::pin(handle(context)))
    .summary("creates a secret for an authenticator app, as text, URI and QR code")
    .routes(&[Route::new("POST", "/v1/mfa/totp")])
    .access(Access::FreshSession)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Csrf,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
    ])
    .limits(&[CHANGES_BY_SESSION])
    .contract(contract);

const ENABLED: Error = Error::Conflict("An authenticator app is already set up.");

fn contract() -> Contract {
    let answer = schema::Object::new("TotpSetup", "A secret that is not active yet.")
        .with("secret", schema::text("The secret in Base32.", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"))
        .with(
            "otpauth_uri",
            schema::text("The same as a URI for an app.", "otpauth://totp/Latchkey:ada?secret=JBSWY3DPEHPK3PXP"),
        )
        .with("qr_code", schema::text("The URI as a QR code, in a `data:` URL.", "data:image/png;base64,iVBORw0KGgo="));
    Contract::new()
        .json(schema::Form::new("TotpSetupRequest"))
        .answers(200, "The secret.", answer.schema())
        .errors([ENABLED])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    context.request.fields()?.finish(|| Some(()))?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = set_up(context, &caller).await;
    caller.record_refusal(context, Action::SetUpTotp, "totp", done).await
}

async fn set_up(context: Context<'_>, caller: &Caller<'_>) -> Result<Response, Error> {
    let app = context.app;
    caller.require_fresh(app)?;
    if caller.account.mfa_since.is_some() {
        return Err(ENABLED);
    }
    let (account, cipher) = (&caller.account, &caller.cipher);
    let secret = TotpSecret::random(&*app.rng);
    let known_as = User::open(cipher, account).await?.known_as();
    let enrolment = secret.enrolment(&app.config.product_name, &known_as)?;
    let fields = cipher.item(&Factors::key(&account.id));
    let pending = fields.seal(Factors::PENDING_SECRET, &secret.encode()).await?;
    let event = context.event(cipher, Action::SetUpTotp, Outcome::Success, "totp").await?;
    let mut transaction = app.store.transaction();
    transaction.set_up_totp(&account.id, &pending);
    transaction.require_account(account);
    transaction.require_session(&caller.session);
    transaction.record_event(&event);
    app.store.commit(transaction).await?;
    let answer = json!({ "secret": *enrolment.secret, "otpauth_uri": *enrolment.uri, "qr_code": *enrolment.qr_code });
    Ok(Response::json(StatusCode::OK, &answer))
}
