//! The client of a request to the token and revocation endpoints (RFC 6749, section 2.3).

use base64::{Engine, engine::general_purpose::STANDARD};
use shared::{
    app::App,
    context::Context,
    crypto::{client_secret::ClientSecret, key::KeyPurpose, secret::Secret},
    domain::{
        limits::{REFUSED_GRANTS_BY_CLIENT, REFUSED_GRANTS_BY_NETWORK},
        oauth::client::{ClientId, ClientType},
    },
    error::{Error, OAuthError, Scheme},
    http::{Parameters, Request},
    store::OAuthClient,
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
    if KNOWN.iter().any(|name| query.get(name).is_some()) {
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

/// Counts a refused request, so that nobody tries codes and tokens without end: by `client`, if its secret was right, otherwise by
/// network. A public client is not verified, so its requests count by network too.
///
/// # Errors
/// That of `done`; `rate_limited` after too many refused requests.
pub(super) async fn count_refusal<T>(
    context: Context<'_>,
    client: Option<&OAuthClient>,
    done: Result<T, Error>,
) -> Result<T, Error> {
    let app = context.app;
    if let Err(Error::OAuth(_)) = &done {
        match client.filter(|client| client.kind == ClientType::Confidential) {
            Some(client) => {
                let limit = app.config.limit(REFUSED_GRANTS_BY_CLIENT);
                app.store.count(limit, client.id.as_str(), app.clock.now()).await?;
            }
            None => count_network(context, REFUSED_GRANTS_BY_NETWORK).await?,
        }
    }
    done
}
