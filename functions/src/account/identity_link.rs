//! `POST /v1/identities/{provider}`: begins to link an identity of a sign-in provider. The provider's answer must come back to the
//! browser that asked, so only a session in cookies can ask.

use serde_json::json;
use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::Action,
        continue_path::ContinuePath,
        limits::CHANGES_BY_SESSION,
        session::{SessionOptions, Transport},
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    providers::Freshness,
};

use crate::auth::{
    caller::{self, Caller},
    identity, limits,
    provider_request::{self, Purpose},
};

pub const OPERATION: Operation = Operation::http("identity-link", |context| Box::pin(handle(context)))
    .summary("begins to link an identity of a sign-in provider")
    .routes(&[Route::new("POST", "/v1/identities/{provider}")])
    .access(Access::FreshSession)
    .keys(&[KeyPurpose::Index, KeyPurpose::Csrf, KeyPurpose::Providers, KeyPurpose::FieldSession, KeyPurpose::FieldIp])
    .limits(&[CHANGES_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let answer = schema::Object::new("IdentityLinkStarted", "Where the browser goes to link an identity.").with(
        "authorization_url",
        schema::text("A URL at the provider.", "https://provider.example/authorize?client_id=latchkey"),
    );
    Contract::new()
        .json(
            schema::Form::new("IdentityLink")
                .optional::<ContinuePath>("continue", "Where the browser goes afterwards."),
        )
        .answers(200, "Where the browser goes.", answer.schema())
        .errors([Error::NotFound, HAS_ONE])
}

const HAS_ONE: Error = Error::Conflict("The account has an identity of this provider. Unlink it first.");

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.fields()?;
    let continue_path: Option<ContinuePath> = fields.optional("continue");
    let continue_path = fields.finish(|| Some(continue_path.unwrap_or_else(ContinuePath::account)))?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, CHANGES_BY_SESSION).await?;
    let done = link(context, &caller, &continue_path).await;
    caller.record_refusal(context, Action::LinkIdentity, "provider", done).await
}

async fn link(context: Context<'_>, caller: &Caller<'_>, continue_path: &ContinuePath) -> Result<Response, Error> {
    let app = context.app;
    if caller.transport != Transport::Cookie {
        return Err(Error::Forbidden);
    }
    caller.require_fresh(app)?;
    let provider = &provider_request::find(context).await?;
    if identity::of_provider(app, &caller.account, &provider.id).await?.0.is_some() {
        return Err(HAS_ONE);
    }
    let purpose = Purpose::Link { user_id: &caller.account.id, session_hash: &caller.session.hash };
    let options = SessionOptions::default();
    let prepared =
        provider_request::prepare(context, provider, purpose, continue_path, options, Freshness::default()).await?;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => {
            failure.log(OPERATION.name, &context.request.request_id, &provider.id);
            return Err(Error::TemporarilyUnavailable("a sign-in provider is unavailable".to_owned()));
        }
    };
    let mut transaction = app.store.transaction();
    prepared.add_to(&mut transaction);
    transaction.require_session(&caller.session);
    app.store.commit(transaction).await?;
    let answer = json!({ "authorization_url": prepared.url });
    Ok(Response::json(StatusCode::OK, &answer).with_cookie(prepared.cookie))
}
