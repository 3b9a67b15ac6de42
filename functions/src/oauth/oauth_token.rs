//! `POST /oauth2/token`: the token endpoint (OAuth 2.1, section 3.2). It exchanges a code or a refresh token for tokens.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::limits::{REFUSED_GRANTS_BY_CLIENT, REFUSED_GRANTS_BY_NETWORK, REFUSED_TOKEN_BY_SESSION},
    error::{Error, OAuthError},
    fields::schema,
    http::{Parameters, Response},
    operation::{ErrorFormat, Operation, Route, contract::Contract},
    store::{OAuthClient, StoredCode},
};

use super::{
    client_authentication::{self, Credentials, count_refusal},
    code_grant, cross_origin,
    refresh_grant::{self, PresentedToken},
    tokens::TokenAnswer,
};

pub const OPERATION: Operation = Operation::http("oauth-token", |context| Box::pin(handle(context)))
    .summary("exchanges an app's authorization code or refresh token for tokens")
    .routes(&[Route::new("POST", "/oauth2/token")])
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Refresh,
        KeyPurpose::Signing,
        KeyPurpose::SigningRsa,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[REFUSED_GRANTS_BY_CLIENT, REFUSED_GRANTS_BY_NETWORK, REFUSED_TOKEN_BY_SESSION])
    .errors(ErrorFormat::OAuth)
    .contract(contract);

fn contract() -> Contract {
    let form = client_authentication::described(schema::Form::new("OAuthToken"))
        .required_parameter(
            "grant_type",
            "What the client presents.",
            schema::one_of("", &["authorization_code", "refresh_token"]),
        )
        .parameter("code", "The code of the authorization.", schema::text("", schema::TOKEN))
        .parameter(
            "redirect_uri",
            "The redirect URI of the authorization request.",
            schema::text("", "https://app.example.org/callback"),
        )
        .parameter("code_verifier", "The verifier of the code challenge (RFC 7636).", schema::text("", schema::TOKEN))
        .parameter("refresh_token", "The refresh token.", schema::text("", "rt_AAAA"))
        .parameter("scope", "Fewer scopes than the grant has.", schema::text("", "openid"));
    Contract::new()
        .form(form)
        .answers(200, "The tokens.", TokenAnswer::schema())
        .errors(client_authentication::errors())
        .errors(
            [OAuthError::InvalidGrant, OAuthError::InvalidScope, OAuthError::UnsupportedGrantType].map(Error::OAuth),
        )
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    cross_origin::readable(context, OPERATION.name, exchange(context)).await
}

async fn exchange(context: Context<'_>) -> Result<Response, Error> {
    let Asked { parameters, client, grant } = count_refusal(context, None, load(context).await).await?;
    let done = match grant {
        Grant::Code(code) => code_grant::redeem(context, &parameters, &client, code).await,
        Grant::RefreshToken(token) => refresh_grant::refresh(context, &parameters, &client, token).await,
    };
    count_refusal(context, Some(&client), done).await
}

/// A request of a client that has authenticated.
struct Asked {
    parameters: Parameters,
    client: OAuthClient,
    grant: Grant,
}

/// What a client presents, by the grant type.
enum Presented<'a> {
    Code(&'a str),
    RefreshToken(&'a str),
}

impl<'a> Presented<'a> {
    fn of(parameters: &'a Parameters) -> Result<Self, OAuthError> {
        let required = |name, what| parameters.get(name).ok_or(OAuthError::InvalidRequest(what));
        match required("grant_type", "grant_type is missing.")? {
            "authorization_code" => required("code", "code is missing.").map(Self::Code),
            "refresh_token" => required("refresh_token", "refresh_token is missing.").map(Self::RefreshToken),
            _ => Err(OAuthError::UnsupportedGrantType),
        }
    }
}

/// What a client presented, with what is stored of it. `None` for what this service did not issue, or does not keep any more.
enum Grant {
    Code(Option<Box<StoredCode>>),
    RefreshToken(Option<Box<PresentedToken>>),
}

/// Reads the client and what it presents at once, and authenticates the client.
///
/// # Errors
/// `invalid_request`, `unsupported_grant_type`, `invalid_client`; `temporarily_unavailable`.
async fn load(context: Context<'_>) -> Result<Asked, Error> {
    let app = context.app;
    let parameters = client_authentication::parameters(context.request)?;
    let presented = Presented::of(&parameters)?;
    let credentials = Credentials::of(context.request, &parameters)?;
    let grant = async {
        match presented {
            Presented::Code(code) => code_grant::load(app, code).await.map(Grant::Code),
            Presented::RefreshToken(token) => refresh_grant::load(app, token).await.map(Grant::RefreshToken),
        }
    };
    let (client, grant) = futures::future::join(app.store.oauth_client(credentials.id()), grant).await;
    let client = credentials.check(app, client?).await?;
    let grant = grant?;
    Ok(Asked { parameters, client, grant })
}
