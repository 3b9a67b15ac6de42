//! The client of a request to the token and revocation endpoints (RFC 6749, section 2.3).

use base64::{Engine, engine::general_purpose::STANDARD};
use shared::{
    app::App,
    context::Context,
    crypto::{client_secret::ClientSecret, key::KeyPurpose, secret::Secret},
    domain::{
        audit::Action,
        limits::{REFUSED_GRANTS_BY_CLIENT, REFUSED_GRANTS_BY_NETWORK, REFUSED_TOKEN_BY_SESSION},
        oauth::client::{ClientId, ClientType},
    },
    error::{Error, OAuthError, Scheme},
    fields::schema,
    http::{Parameters, Request},
    store::{OAuthClient, Session},
    user_cipher::UserCipher,
};

use crate::auth::limits::count_network;

/// The parameters of the two endpoints. None of them may be repeated.
const KNOWN: &[&str] = &[
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "client_id",
    "client_secret",
    "token",
    "token_type_hint",
];

/// The parameters by which a client authenticates in the form.
pub(super) fn described(form: schema::Form) -> schema::Form {
    form.parameter(
        "client_id",
        "The id of the client, unless it authenticates by HTTP Basic.",
        schema::text("", CLIENT_ID),
    )
    .parameter(
        "client_secret",
        "The secret of a confidential client, unless it authenticates by HTTP Basic.",
        schema::text("", "a-secret"),
    )
}

/// The id of a client in the examples.
pub(super) const CLIENT_ID: &str = "3f9c2d1ab0e84c573f9c2d1ab0e84c57";

/// The errors of both endpoints.
pub(super) fn errors() -> [Error; 2] {
    [OAuthError::InvalidRequest("A parameter is repeated."), OAuthError::InvalidClient(Scheme::Form)].map(Error::OAuth)
}

/// The parameters of a request's form.
///
/// # Errors
/// `invalid_request`.
pub(super) fn parameters(request: &Request) -> Result<Parameters, Error> {
    let no_form = |_| OAuthError::InvalidRequest("The body must be a form (application/x-www-form-urlencoded).");
    let form = request.oauth_message().map_err(no_form)?;
    let parameters = Parameters::of(form, KNOWN).map_err(OAuthError::InvalidRequest)?;
    // A URL ends up in logs (RFC 6749, section 2.3.1).
    let query = Parameters::parse(request.raw_query().as_bytes());
    if query.has_any(KNOWN) {
        return Err(OAuthError::InvalidRequest("Parameters belong in the body, not in the URL.").into());
    }
    Ok(parameters)
}

/// What a client sent to identify itself.
pub(super) struct Credentials {
    id: ClientId,
    secret: Option<Secret>,
    scheme: Scheme,
}

impl Credentials {
    /// Reads the credentials of HTTP Basic or of the form.
    ///
    /// # Errors
    /// `invalid_request` for both at once; `invalid_client` if no client is named.
    pub(super) fn of(request: &Request, parameters: &Parameters) -> Result<Self, Error> {
        let posted = parameters.get("client_id");
        let secret = parameters.get("client_secret");
        let Some(header) = request.headers.get("authorization") else {
            let id = posted.and_then(ClientId::parse).ok_or(OAuthError::InvalidClient(Scheme::Form))?;
            return Ok(Self { id, secret: secret.map(|secret| Secret::new(secret.to_owned())), scheme: Scheme::Form });
        };
        let (id, basic_secret) =
            header.to_str().ok().and_then(basic).ok_or(OAuthError::InvalidClient(Scheme::Basic))?;
        if secret.is_some() || posted.is_some_and(|posted| posted != id) {
            return Err(OAuthError::InvalidRequest("The client authenticates in two ways.").into());
        }
        let id = ClientId::parse(&id).ok_or(OAuthError::InvalidClient(Scheme::Basic))?;
        Ok(Self { id, secret: Some(basic_secret).filter(|secret| !secret.expose().is_empty()), scheme: Scheme::Basic })
    }

    pub(super) const fn id(&self) -> &ClientId {
        &self.id
    }

    /// The client, if these are its credentials.
    ///
    /// # Errors
    /// `invalid_client`; `temporarily_unavailable` without the key.
    pub(super) async fn check(&self, app: &App, client: Option<OAuthClient>) -> Result<OAuthClient, Error> {
        let refused = OAuthError::InvalidClient(self.scheme);
        let client = client.ok_or(refused)?;
        let is_right = match (client.kind, &self.secret) {
            (ClientType::Public, secret) => secret.is_none(),
            (ClientType::Confidential, None) => false,
            (ClientType::Confidential, Some(secret)) => {
                let index = app.keyring.get(KeyPurpose::Index).await?;
                ClientSecret::parse(secret.expose())
                    .is_some_and(|secret| client.is_secret(&secret.hash(&index, &client.id)))
            }
        };
        if is_right { Ok(client) } else { Err(refused.into()) }
    }
}

/// The id and the secret of HTTP Basic. Both are form-encoded first (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |text: &str| {
        let spaces = text.replace('+', " ");
        Some(percent_encoding::percent_decode_str(&spaces).decode_utf8().ok()?.into_owned())
    };
    Some((decoded(id)?, Secret::new(decoded(secret)?)))
}

/// Counts a refused request by network. A client that repeats one without end then gets 429. Codes and tokens have 256 bits, so nobody
/// guesses one, with or without a limit. It is counted after the comparison, because right requests of one address may be those of
/// many users. `client` is that of the request, if it is known. One with a right secret does not count: its answer is always the error
/// itself, because `invalid_grant` tells an app that a login is over.
///
/// # Errors
/// That of `done`; `rate_limited` after too many refused requests.
pub(super) async fn count_refusal<T>(
    context: Context<'_>,
    client: Option<&OAuthClient>,
    done: Result<T, Error>,
) -> Result<T, Error> {
    let is_verified = client.is_some_and(|client| client.kind == ClientType::Confidential);
    if !is_verified && matches!(done, Err(Error::OAuth(_))) {
        count_network(context, REFUSED_GRANTS_BY_NETWORK).await?;
    }
    done
}

/// Refuses a code or a token of a session, with an event in its user's log. A client can send an old one again and again, so events
/// are limited by session, and by client if its secret was right. Over a limit the answer is the same, and nothing is written.
///
/// # Errors
/// `error`; `temporarily_unavailable`.
pub(super) async fn refuse<T>(
    context: Context<'_>,
    client: &OAuthClient,
    (session, cipher): (&Session, &UserCipher<'_>),
    (action, method): (Action, &'static str),
    error: OAuthError,
) -> Result<T, Error> {
    let (app, now) = (context.app, context.app.clock.now());
    let below = async |limit, key: &str| app.store.count_if_below(app.config.limit(limit), key, now).await;
    let is_recorded = below(REFUSED_TOKEN_BY_SESSION, &session.hash).await?
        && (client.kind == ClientType::Public || below(REFUSED_GRANTS_BY_CLIENT, client.id.as_str()).await?);
    match is_recorded {
        true => context.refuse(cipher, action, method, error.into()).await,
        false => Err(error.into()),
    }
}
