//! `GET /v1/passkeys/signal`: what a page tells the browser's password manager, so that it hides passkeys that were removed and shows the
//! account's current name (WebAuthn Level 3, section 5.1.10).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
};

use crate::auth::{caller, mfa::passkey, user::User};

pub const OPERATION: Operation = Operation::http("passkey-signal", |context| Box::pin(handle(context)))
    .summary("returns what a page signals to the password manager")
    .routes(&[Route::new("GET", "/v1/passkeys/signal")])
    .access(Access::Session)
    .keys(&[KeyPurpose::Index, KeyPurpose::FieldContact, KeyPurpose::FieldMfa])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new(
        "PasskeySignal",
        "What a page signals to the password manager (WebAuthn Level 3, section 5.1.10).",
    )
    .with("rp_id", schema::text("The id of the relying party.", "auth.example.org"))
    .with("user_id", schema::text("The user handle, in base64url.", "q5UDmRyUeHXCYWFCVoFZ7g"))
    .with("accepted_credential_ids", schema::list("The ids of the passkeys, in base64url.", schema::text("", "AAAA")))
    .with("name", schema::text("The address or the username.", "ada@example.org"))
    .with("display_name", schema::text("The address or the username.", "ada@example.org"));
    Contract::new().answers(200, "What to signal.", answer.schema())
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let app = context.app;
    let caller = caller::caller(context).await?;
    let passkeys = app.store.passkeys(&caller.account).await?;
    let accepted = passkey::allowed(&caller.cipher, &passkeys).await?;
    let accepted: Vec<String> = accepted.iter().map(|passkey| URL_SAFE_NO_PAD.encode(&passkey.id)).collect();
    // The same names as at registration. A browser compares neither, but shows both.
    let known_as = User::open(&caller.cipher, &caller.account).await?.known_as();
    let answer = json!({
        "rp_id": app.relying_party().await?.id(),
        "user_id": URL_SAFE_NO_PAD.encode(caller.account.id.bytes()),
        "accepted_credential_ids": accepted,
        "name": known_as,
        "display_name": known_as,
    });
    Ok(Response::json(StatusCode::OK, &answer))
}
