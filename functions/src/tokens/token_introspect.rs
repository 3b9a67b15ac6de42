//! `POST /v1/token/introspect`: whether an access token is active (RFC 7662).

use serde::Serialize;
use serde_json::json;
use shared::{
    app::App,
    context::Context,
    crypto::{
        access_token::{self as token, Claims},
        key::KeyPurpose,
    },
    domain::session::OpaqueText,
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
};

use crate::auth::access_token::{self, Audience};

pub const OPERATION: Operation = Operation::http("token-introspect", |context| Box::pin(handle(context)))
    .summary("says whether an access token is active now (RFC 7662)")
    .routes(&[Route::new("POST", "/v1/token/introspect")])
    .access(Access::Iam)
    .keys(&[KeyPurpose::Index])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("TokenIntrospect")
        .required::<OpaqueText>("token", "The access token.")
        .optional::<String>("token_type_hint", "It may be left out.")
        .example("access_token");
    let inactive = schema::Object::new("InactiveToken", "The token is not active.").with("active", schema::is(false));
    let active = Claims::described(schema::Object::new("ActiveToken", "The claims of the token."))
        .with("active", schema::is(true))
        .with("token_type", schema::constant("Bearer"));
    Contract::new().form(form).answers(
        200,
        "Whether the token is active.",
        schema::any_of([active.schema(), inactive.schema()]),
    )
}

#[derive(Serialize)]
struct Active {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: Claims,
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut fields = context.request.form()?;
    let token: Option<OpaqueText> = fields.required("token");
    // Section 2.1: the hint may be ignored. Only access tokens are valid here.
    let _hint: Option<String> = fields.optional("token_type_hint");
    let token = fields.finish(|| token)?;
    // Section 2.2: the answer for an inactive token reveals nothing else.
    Ok(match active(context.app, &token.0).await? {
        Some(claims) => Response::json(StatusCode::OK, &Active { active: true, token_type: "Bearer", claims }),
        None => Response::json(StatusCode::OK, &json!({ "active": false })),
    })
}

async fn active(app: &App, token: &str) -> Result<Option<Claims>, Error> {
    let Some(claims) = access_token::verified(app, token, Audience::Any).await? else { return Ok(None) };
    if !token::is_current(&claims, app.clock.now()) {
        return Ok(None);
    }
    let Some((user_id, session_id)) = access_token::ids(&claims) else { return Ok(None) };
    let client = access_token::client(&claims);
    let is_active = access_token::session_is_active(app, &user_id, &session_id, client.as_ref()).await?;
    Ok(is_active.then_some(claims))
}
