//! An authorization request (RFC 6749, section 4.1.1; RFC 7636; OpenID Connect Core 1.0, section 3.1.2.1).

use shared::{
    crypto::secret::Token,
    domain::oauth::{client::ClientId, scope::Scopes},
    fields::schema,
    http::Parameters,
    store::OAuthClient,
};

use super::{
    answer::{AuthorizationError, Destination, ResponseMode},
    client_authentication::CLIENT_ID,
};

/// The longest `state`, in bytes.
const MAX_STATE_BYTES: usize = 2048;

/// The parameters that this endpoint reads. None of them may be repeated.
pub(super) const KNOWN: &[&str] = &[
    "response_type",
    "client_id",
    "redirect_uri",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "state",
    "nonce",
    "response_mode",
    "prompt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "acr_values",
    "ui_locales",
    "identity_provider",
    "request",
    "request_uri",
    super::authentication_time::CTX,
    super::oauth_authorize::CSRF,
];

/// The parameters, for the contract of the endpoint.
pub(super) fn described() -> schema::Form {
    let text = |example| schema::text("", example);
    schema::Form::new("OAuthAuthorize")
        .parameter("response_type", "Always `code`.", schema::one_of("", &["code"]))
        .parameter("client_id", "The id of the client.", text(CLIENT_ID))
        .parameter("redirect_uri", "Where the answer goes: a registered URI.", text("https://app.example.org/callback"))
        .parameter("code_challenge", "The hash of the client's verifier (RFC 7636).", text(schema::TOKEN))
        .parameter("code_challenge_method", "Always `S256`.", schema::one_of("", &["S256"]))
        .parameter("scope", "The scopes that the app asks for.", text("openid email"))
        .parameter("state", "Comes back with the answer. At most 2,048 bytes.", text("af0ifjsldkj"))
        .parameter("nonce", "Comes back in the ID token.", text("n-0S6_WzA2Mj"))
        .parameter("response_mode", "How the answer comes.", schema::one_of("", &["query", "form_post"]))
        .parameter(
            "prompt",
            "What the user must do: `none`, `login`, `create`, `select_account` or `consent`.",
            text("login"),
        )
        .parameter("id_token_hint", "An ID token of the user who must answer.", text("eyJhbGciOiJFUzI1NiJ9.e30.c2ln"))
        .parameter("login_hint", "Fills in the identifier.", text("ada@example.org"))
        .parameter("max_age", "The longest time since the last authentication, in seconds.", text("3600"))
        .parameter("acr_values", "`aal2` asks for a second factor.", text("aal2"))
        .parameter("ui_locales", "The languages of the pages.", text("en"))
        .parameter("identity_provider", "The sign-in provider to go to.", text("github"))
        .parameter("request", "Not supported.", text("eyJhbGciOiJFUzI1NiJ9.e30.c2ln"))
        .parameter("request_uri", "Not supported.", text("urn:example"))
        .parameter(super::authentication_time::CTX, "Added by this service.", text(schema::TOKEN))
        .parameter(super::oauth_authorize::CSRF, "The token of this service's own form.", text(schema::TOKEN))
}

/// What the client wants the user to do (OpenID Connect Core 1.0, section 3.1.2.1; Initiating User Registration 1.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    None,
    Login,
    Create,
    SelectAccount,
    Consent,
}

impl Prompt {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::None),
            "login" => Some(Self::Login),
            "create" => Some(Self::Create),
            "select_account" => Some(Self::SelectAccount),
            "consent" => Some(Self::Consent),
            _ => None,
        }
    }
}

/// A request of a known client with one of its redirect URIs.
pub(super) struct AuthorizationRequest {
    pub(super) client: OAuthClient,
    pub(super) destination: Destination,
    pub(super) code_challenge: String,
    pub(super) scopes: Scopes,
    pub(super) nonce: Option<String>,
    pub(super) prompts: Vec<Prompt>,
    /// Seconds since the last authentication.
    pub(super) max_age: Option<i64>,
    pub(super) wants_aal2: bool,
    pub(super) id_token_hint: Option<String>,
    pub(super) login_hint: Option<String>,
    pub(super) identity_provider: Option<String>,
}

/// Why a request is not one.
pub(super) enum Refusal {
    /// The client or the redirect URI is unknown, so nobody is redirected.
    Page(&'static str),
    /// The client gets the error.
    Client(Destination, AuthorizationError),
}

/// The id of the client that a request names, if it may be one.
pub(super) fn client_id(parameters: &Parameters) -> Option<ClientId> {
    parameters.get("client_id").filter(|_| parameters.fault(&["client_id"]).is_none()).and_then(ClientId::parse)
}

impl AuthorizationRequest {
    /// Checks a request. `client` is the client that it names.
    pub(super) fn parse(parameters: &Parameters, client: Option<OAuthClient>) -> Result<Self, Refusal> {
        let client =
            client.ok_or(Refusal::Page("The app that sent you here is unknown: its client_id is not registered."))?;
        let uri = parameters.get("redirect_uri").filter(|_| parameters.fault(&["redirect_uri"]).is_none());
        let uri = uri.and_then(|uri| client.redirect_uri(uri)).ok_or(Refusal::Page(
            "The app that sent you here asked for an address that is not registered for it: its redirect_uri.",
        ))?;
        let state = parameters.get("state").filter(|_| is_state_fine(parameters)).map(str::to_owned);
        let mode = match parameters.get("response_mode") {
            Some("form_post") => ResponseMode::FormPost,
            _ => ResponseMode::Query,
        };
        let destination = Destination { uri, mode, state };
        match Self::check(parameters) {
            Err(error) => Err(Refusal::Client(destination, error)),
            Ok(()) => {
                let text = |name| parameters.get(name).map(str::to_owned);
                Ok(Self {
                    scopes: client.scopes.granted(parameters.get("scope")),
                    client,
                    destination,
                    code_challenge: text("code_challenge").unwrap_or_default(),
                    nonce: text("nonce"),
                    prompts: prompts(parameters).unwrap_or_default(),
                    max_age: max_age(parameters).unwrap_or_default(),
                    wants_aal2: parameters
                        .get("acr_values")
                        .is_some_and(|values| values.split(' ').any(|acr| acr == "aal2")),
                    id_token_hint: text("id_token_hint"),
                    login_hint: text("login_hint"),
                    identity_provider: text("identity_provider"),
                })
            }
        }
    }

    fn check(parameters: &Parameters) -> Result<(), AuthorizationError> {
        let invalid = AuthorizationError::InvalidRequest;
        if parameters.fault(KNOWN).is_some() || !is_state_fine(parameters) {
            return Err(invalid);
        }
        if parameters.get("request").is_some() {
            return Err(AuthorizationError::RequestNotSupported);
        }
        if parameters.get("request_uri").is_some() {
            return Err(AuthorizationError::RequestUriNotSupported);
        }
        match parameters.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(AuthorizationError::UnsupportedResponseType),
            None => return Err(invalid),
        }
        if !matches!(parameters.get("response_mode"), None | Some("query" | "form_post")) {
            return Err(invalid);
        }
        // A challenge by S256 is 32 bytes in base64url. Without a method it would be `plain` (RFC 7636, section 4.3).
        let is_s256 = parameters.get("code_challenge_method") == Some("S256");
        if !is_s256 || parameters.get("code_challenge").is_none_or(|challenge| Token::parse(challenge).is_none()) {
            return Err(invalid);
        }
        prompts(parameters).ok_or(invalid)?;
        max_age(parameters).ok_or(invalid)?;
        Ok(())
    }

    pub(super) fn has(&self, prompt: Prompt) -> bool {
        self.prompts.contains(&prompt)
    }
}

/// Whether the state can go back as it came.
fn is_state_fine(parameters: &Parameters) -> bool {
    let is_short = parameters.get("state").is_none_or(|state| state.len() <= MAX_STATE_BYTES);
    is_short && parameters.fault(&["state"]).is_none()
}

/// The prompts. `None` for an unknown one, and for `none` with another one.
fn prompts(parameters: &Parameters) -> Option<Vec<Prompt>> {
    let Some(text) = parameters.get("prompt") else { return Some(Vec::new()) };
    let prompts: Vec<Prompt> =
        text.split(' ').filter(|prompt| !prompt.is_empty()).map(Prompt::parse).collect::<Option<_>>()?;
    let is_alone = prompts.len() == 1 || !prompts.contains(&Prompt::None);
    is_alone.then_some(prompts)
}

/// The maximum age. `None` if it is no whole number of seconds.
fn max_age(parameters: &Parameters) -> Option<Option<i64>> {
    match parameters.get("max_age") {
        None => Some(None),
        Some(text) if text.len() <= 10 && text.bytes().all(|digit| digit.is_ascii_digit()) => {
            text.parse().ok().map(Some)
        }
        Some(_) => None,
    }
}
