//! The client of a request to the token and revocation endpoints (RFC 6749, section 2.3).

use base64::{Engine, engine::general_purpose::STANDARD};
use shared::{
    app::App,
    context::Context,
    crypto::{client_secret::ClientSecret, key::KeyPurpose, secret::Secret},
    domain::{
        limits::REFUSED_GRANTS_BY_NETWORK,
        oauth::client::{ClientId, ClientType},
    },
    error::{Error, OAuthError, Scheme},
    http::{Request, Response},
    store::OAuthClient,
};

use super::parameters::Parameters;
use crate::auth::limits::Network;

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
pub(super) fn form(request: &Request) -> Result<Parameters, Error> {
    let form = request.raw_form().map_err(|_| {
        OAuthError::InvalidRequest("The body must be a form (application/x-www-form-urlencoded) of at most 64 KiB.")
    })?;
    let parameters = Parameters::parse(form);
    if parameters.is_repeated(KNOWN) {
        return Err(OAuthError::InvalidRequest("A parameter is repeated.").into());
    }
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

/// Counts a refused request of a network, so that nobody tries clients and codes without end.
///
/// # Errors
/// That of `done`; `rate_limited` for a network with too many refused requests.
pub(super) async fn count_refusal(context: Context<'_>, done: Result<Response, Error>) -> Result<Response, Error> {
    let app = context.app;
    if let Err(Error::OAuth(_)) = &done {
        let index = app.keyring.get(KeyPurpose::Index).await?;
        Network::of(&index, context.request).count(app, REFUSED_GRANTS_BY_NETWORK).await?;
    }
    done
}
