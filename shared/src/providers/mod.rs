//! Conversations with sign-in providers: GitHub's OAuth, and OpenID Connect with discovery. A provider's answer never reaches a client
//! or the log, and its tokens are dropped with the conversation.
//!
//! The few requests are written here. `openidconnect` needs the crate `rsa`, which this workspace refuses (RUSTSEC-2023-0071), and
//! `oauth2` would bring `chrono` and `rand` for one URL and one form. `jsonwebtoken`, which signs our own tokens, verifies ID tokens.

mod github;
mod id_token;
mod metadata;
mod openid;

use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

pub use id_token::is_signing_key;
pub use metadata::Directory;

use crate::{
    aws::outbound::{self, Bounds, Outgoing},
    clock::Timestamp,
    crypto::pkce,
    domain::{
        email_address::EmailAddress,
        name::{DisplayText, Label},
        profile::PictureUrl,
        provider::{ClientSecret, Hosts, Provider, ProviderUrl, Service},
    },
    fields::{FromJson, form},
};

/// The bounds of one answer.
const BOUNDS: Bounds = Bounds { within: Duration::from_secs(4), bytes: 256 * 1024 };

/// The time for a whole conversation. The function must answer before its own time limit.
const CONVERSATION: Duration = Duration::from_secs(8);

/// The longest subject, in bytes (OpenID Connect Core 1.0, section 2).
const MAX_SUBJECT: usize = 255;

/// Why a conversation failed. The texts are for the log. They hold nothing that the provider sent.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The provider is down, slow, refuses this service, or answers with something else.
    Unavailable(String),
    /// The provider's answer has a wrong ID token or claim.
    InvalidResponse(&'static str),
}

/// What a provider says about a user.
#[derive(Debug, Clone)]
pub struct ProviderUser {
    pub issuer: String,
    /// The user at this issuer.
    pub subject: String,
    pub email: Option<EmailAddress>,
    pub email_verified: bool,
    pub name: Option<DisplayText>,
    pub picture: Option<PictureUrl>,
    /// When the user gave the provider credentials, if that was asked.
    pub authenticated_at: Option<Timestamp>,
}

/// A request for a login, as the browser takes it to the provider.
#[derive(Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    pub redirect_uri: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    /// The verifier of PKCE (RFC 7636). The browser gets its hash.
    pub verifier: &'a str,
    pub freshness: Freshness,
}

/// What the provider must ask its user before it answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Freshness {
    pub prompt: Option<Prompt>,
    /// The user's credentials, unless they were given within so many seconds (`max_age`).
    pub max_age: Option<i64>,
}

/// `prompt` (OpenID Connect Core 1.0, section 3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// The user's credentials.
    Login,
    /// Which account.
    SelectAccount,
}

impl Prompt {
    pub const ALL: [Self; 2] = [Self::Login, Self::SelectAccount];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::SelectAccount => "select_account",
        }
    }
}

impl Freshness {
    /// Whether the user must give the credentials again, however new the last ones are.
    pub fn forces_login(self) -> bool {
        self.sent_max_age() == Some(0)
    }

    /// `max_age` of the request. `prompt=login` alone asks for the same as `max_age=0`, but only `max_age` makes the provider say when
    /// its user gave the credentials (section 3.1.2.1).
    fn sent_max_age(self) -> Option<i64> {
        self.max_age.or((self.prompt == Some(Prompt::Login)).then_some(0))
    }

    /// The time after which the user must have given the credentials, for a request at `now`.
    pub fn authenticated_since(self, now: Timestamp) -> Option<Timestamp> {
        if self.prompt == Some(Prompt::Login) {
            return Some(now);
        }
        self.max_age.map(|seconds| now.plus_seconds(-seconds))
    }
}

/// The answer that the browser brings from the provider.
#[derive(Clone, Copy)]
pub struct AuthorizationAnswer<'a> {
    pub code: &'a str,
    /// The issuer (RFC 9207), if the answer names it.
    pub issuer: Option<&'a str>,
    pub redirect_uri: &'a str,
    pub nonce: &'a str,
    pub verifier: &'a str,
    /// The time after which the user must have given the credentials, if that was asked.
    pub authenticated_since: Option<Timestamp>,
}

/// An ID token that an app got.
#[derive(Debug, Clone)]
pub struct NativeLogin {
    pub user: ProviderUser,
    /// The hash of the token's header and payload. A signature has valid twins.
    pub hash: String,
    pub expires_at: Timestamp,
}

/// A conversation with one provider.
pub struct Conversation<'a> {
    pub http: SharedHttpClient,
    pub provider: &'a Provider,
    pub hosts: Hosts,
    /// What earlier conversations have learnt.
    pub directory: &'a Directory,
    pub now: Timestamp,
}

impl Conversation<'_> {
    /// The URL at which the user logs in to the provider.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] if its metadata cannot be read; [`Failure::InvalidResponse`] if the provider can never say when its
    /// user gave the credentials, and must.
    pub async fn authorization_url(&self, request: AuthorizationRequest<'_>) -> Result<String, Failure> {
        let max_age = request.freshness.sent_max_age();
        let endpoint = match &self.provider.service {
            Service::Github { .. } if max_age.is_some() => return Err(github::SAYS_NO_TIME),
            Service::Github { site, .. } => self.url(&format!("{site}/login/oauth/authorize"))?,
            Service::OpenId { issuer } => in_time(self.metadata(issuer)).await?.authorization_endpoint.clone(),
        };
        let challenge = pkce::challenge(request.verifier);
        let max_age = max_age.map(|seconds| seconds.to_string());
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", self.provider.client_id.as_str()),
            ("redirect_uri", request.redirect_uri),
            ("scope", self.provider.scopes.as_str()),
            ("state", request.state),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        parameters.extend(request.freshness.prompt.map(|prompt| ("prompt", prompt.as_str())));
        if let Service::OpenId { .. } = self.provider.service {
            parameters.push(("nonce", request.nonce));
            parameters.extend(max_age.as_deref().map(|seconds| ("max_age", seconds)));
            parameters.extend(self.provider.form_post.then_some(("response_mode", "form_post")));
        }
        Ok(endpoint.with_query(&parameters))
    }

    /// The user who logged in at the provider: exchanges the code, and verifies what comes.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn identify(&self, answer: AuthorizationAnswer<'_>) -> Result<ProviderUser, Failure> {
        in_time(async {
            match &self.provider.service {
                Service::Github { site, api } => self.identify_at_github(site, api, answer).await,
                Service::OpenId { issuer } => self.identify_by_id_token(issuer, answer).await,
            }
        })
        .await
    }

    /// The user of an ID token that an app got from the provider. `None` if the provider has no ID tokens.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn verify_native(&self, id_token: &str, nonce: Option<&str>) -> Result<Option<NativeLogin>, Failure> {
        match &self.provider.service {
            Service::Github { .. } => Ok(None),
            Service::OpenId { issuer } => in_time(self.verify_native_token(issuer, id_token, nonce)).await.map(Some),
        }
    }

    /// Parses the address of one of the provider's servers.
    fn url(&self, text: &str) -> Result<ProviderUrl, Failure> {
        ProviderUrl::parse(text, self.hosts).ok_or_else(|| unavailable("an address of the provider is not allowed"))
    }

    /// Gets a JSON document.
    async fn get(&self, url: &ProviderUrl, headers: Vec<(&'static str, String)>) -> Result<(u16, Value), Failure> {
        self.send(url, "GET", headers, None, String::new()).await
    }

    /// Posts a form and returns a JSON document.
    async fn post(
        &self,
        url: &ProviderUrl,
        form: &[(&str, &str)],
        headers: Vec<(&'static str, String)>,
    ) -> Result<(u16, Value), Failure> {
        let content_type = Some("application/x-www-form-urlencoded");
        self.send(url, "POST", headers, content_type, form::encode(form)).await
    }

    async fn send(
        &self,
        url: &ProviderUrl,
        method: &'static str,
        mut headers: Vec<(&'static str, String)>,
        content_type: Option<&'static str>,
        body: String,
    ) -> Result<(u16, Value), Failure> {
        headers.push(("user-agent", "latchkey".to_owned())); // GitHub refuses requests without one
        if !headers.iter().any(|(name, _)| *name == "accept") {
            headers.push(("accept", "application/json".to_owned()));
        }
        let outgoing = Outgoing { method, origin: url.origin(), path: url.path(), content_type, headers, body };
        let (status, body) = match outbound::send(self.http.clone(), outgoing, BOUNDS).await {
            Ok(answered) => answered,
            Err(error) => return Err(Failure::Unavailable(error.to_string())),
        };
        // A redirect could lead anywhere, and would take the secrets of the request with it.
        if !(200..300).contains(&status) && !(400..500).contains(&status) || [403, 408, 429].contains(&status) {
            return Err(Failure::Unavailable(format!("{method}: status {status}")));
        }
        match serde_json::from_slice(&body) {
            Ok(value) => Ok((status, value)),
            Err(_) if status >= 400 => Ok((status, Value::Null)),
            Err(_) => Err(unavailable("the answer is not JSON")),
        }
    }

    /// The fields and headers that prove this service at the token endpoint. `methods` are those that the provider takes.
    fn client_authentication(&self, issuer: &str, methods: &[String]) -> Result<ClientProof, Failure> {
        let id = self.provider.client_id.clone();
        let by_post = |secret: String| {
            Ok(ClientProof { fields: vec![("client_id", id.clone()), ("client_secret", secret)], headers: Vec::new() })
        };
        match &self.provider.secret {
            ClientSecret::None => Ok(ClientProof { fields: vec![("client_id", id)], headers: Vec::new() }),
            ClientSecret::Apple(key) => by_post(id_token::apple_secret(key, &id, issuer, self.now)?),
            ClientSecret::Text(secret) if methods.iter().any(|method| method == "client_secret_post") => {
                by_post(secret.to_string())
            }
            // The default (Discovery 1.0, section 3). Both parts are encoded as in a form (RFC 6749, section 2.3.1).
            ClientSecret::Text(secret) => {
                let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(&id), encoded(secret));
                let headers = vec![("authorization", format!("Basic {}", STANDARD.encode(pair)))];
                Ok(ClientProof { fields: Vec::new(), headers })
            }
        }
    }
}

/// What proves this service at a token endpoint.
struct ClientProof {
    fields: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
}

fn unavailable(what: &str) -> Failure {
    Failure::Unavailable(what.to_owned())
}

async fn in_time<T>(conversation: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let ended = tokio::time::timeout(CONVERSATION, conversation).await;
    ended.unwrap_or_else(|_| Err(unavailable("the provider took too long")))
}

/// A text that says something about a user. `None` if it is missing or empty.
fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// A name as it is displayed, cleaned and cut.
pub fn display_name(name: &str) -> Option<DisplayText> {
    Label::from_json(Value::String(name.to_owned())).ok().and_then(|Label(name)| name)
}

fn picture(url: &Value) -> Option<PictureUrl> {
    PictureUrl::from_json(url.clone()).ok()
}

fn address(email: &Value) -> Option<EmailAddress> {
    text(email).and_then(|email| EmailAddress::parse(email).ok())
}

impl Failure {
    /// Logs the failure.
    pub fn log(&self, operation: &'static str, request_id: &str, provider: &str) {
        match self {
            Self::Unavailable(why) => {
                tracing::warn!(operation, request_id, provider, source = why, "a sign-in provider is unavailable");
            }
            Self::InvalidResponse(why) => {
                tracing::warn!(operation, request_id, provider, source = why, "a sign-in provider's answer is invalid");
            }
        }
    }
}
