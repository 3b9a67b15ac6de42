//! The configuration of the sign-in providers: one JSON document, `{"providers": […]}`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Hosts, ProviderUrl};
use crate::{
    domain::name::DisplayText,
    error::Error,
    fields::{Fields, FromJson},
};

/// The most providers of a deployment. An account has at most one identity of each.
const MAX_PROVIDERS: usize = 20;

/// The providers of a deployment, in the order of its login page.
#[derive(Debug, Clone, Default)]
pub struct Providers(Vec<Provider>);

/// What a login page needs to offer a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub id: String,
    pub name: String,
}

/// The kinds of providers that a deployment can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    Github,
    Gitlab,
    Google,
    Microsoft,
    Apple,
    /// Any OpenID provider with discovery.
    Oidc,
}

/// The servers of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// OpenID Connect with discovery at this issuer.
    OpenId { issuer: String },
    /// GitHub's OAuth, at its site and its API. GitHub has no ID tokens.
    Github { site: String, api: String },
}

/// One provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The name in paths and in stored identities.
    pub id: String,
    /// The name for people.
    pub name: String,
    pub preset: Preset,
    pub service: Service,
    pub client_id: String,
    pub secret: ClientSecret,
    /// The scopes, separated by spaces.
    pub scopes: String,
    /// Whether an address that the provider verified links and creates accounts.
    pub trust_email: bool,
    /// The client ids, in addition to `client_id`, of apps. `provider-token` accepts their ID tokens.
    pub audiences: Vec<String>,
    /// Whether the provider posts its answer (`response_mode=form_post`).
    pub form_post: bool,
}

/// What proves this service to a provider.
#[derive(Clone)]
pub enum ClientSecret {
    /// The client is public. PKCE alone protects its codes.
    None,
    Text(Zeroizing<String>),
    Apple(AppleKey),
}

/// The key with which Apple's client secrets are signed.
#[derive(Clone)]
pub struct AppleKey {
    pub team_id: String,
    pub key_id: String,
    /// The private key, in PEM.
    pub private_key: Zeroizing<String>,
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientSecret(…)")
    }
}

impl Preset {
    const ALL: [(&'static str, Self); 6] = [
        ("github", Self::Github),
        ("gitlab", Self::Gitlab),
        ("google", Self::Google),
        ("microsoft", Self::Microsoft),
        ("apple", Self::Apple),
        ("oidc", Self::Oidc),
    ];

    const fn scopes(self) -> &'static str {
        match self {
            Self::Github => "read:user user:email",
            Self::Apple => "openid name email",
            Self::Gitlab | Self::Google | Self::Microsoft | Self::Oidc => "openid profile email",
        }
    }

    /// Whether the provider verifies the addresses that it calls verified, and gives none of them to somebody else.
    const fn is_trusted(self) -> bool {
        matches!(self, Self::Github | Self::Gitlab | Self::Google | Self::Apple)
    }
}

impl FromJson for Preset {
    fn from_json(value: Value) -> Result<Self, String> {
        let known = value.as_str().and_then(|text| Self::ALL.into_iter().find(|(name, _)| *name == text));
        let names = || Self::ALL.map(|(name, _)| name).join(", ");
        known.map(|(_, preset)| preset).ok_or_else(|| format!("must be one of {}", names()))
    }
}

/// A text of 1 to 2048 visible ASCII characters, such as a client id.
struct Ascii(String);

impl FromJson for Ascii {
    fn from_json(value: Value) -> Result<Self, String> {
        let text = String::from_json(value)?;
        let fine = (1..=2048).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fine { Ok(Self(text)) } else { Err("must have 1 to 2048 visible ASCII characters".to_owned()) }
    }
}

/// A private key in PEM.
struct Pem(Zeroizing<String>);

impl FromJson for Pem {
    fn from_json(value: Value) -> Result<Self, String> {
        let text = Zeroizing::new(String::from_json(value)?);
        let fine = text.len() <= 8192 && text.trim_start().starts_with("-----BEGIN PRIVATE KEY-----");
        if fine { Ok(Self(text)) } else { Err("must be a private key in PEM (PKCS #8)".to_owned()) }
    }
}

/// The id of a provider.
struct Id(String);

impl FromJson for Id {
    fn from_json(value: Value) -> Result<Self, String> {
        let text = String::from_json(value)?;
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(fine) {
            Ok(Self(text))
        } else {
            Err("must have 1 to 32 lower-case letters, digits and hyphens".to_owned())
        }
    }
}

/// A list of texts without spaces, or one text that separates them by spaces.
struct Words(Vec<String>);

impl FromJson for Words {
    fn from_json(value: Value) -> Result<Self, String> {
        const EXPECTED: &str = "must be a list of texts of visible ASCII characters";
        let words: Vec<String> = match value {
            Value::String(text) => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            Value::Array(list) => {
                list.into_iter().map(String::from_json).collect::<Result<_, _>>().map_err(|_| EXPECTED.to_owned())?
            }
            _ => return Err(EXPECTED.to_owned()),
        };
        let fine = |word: &String| (1..=256).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic());
        let fine = words.len() <= 50 && words.iter().all(fine);
        if fine { Ok(Self(words)) } else { Err(EXPECTED.to_owned()) }
    }
}

impl Providers {
    /// Reads the document.
    ///
    /// # Errors
    /// Names each fault by provider and field, and repeats no value, because the document holds secrets.
    pub fn parse(text: &str, hosts: Hosts) -> Result<Self, String> {
        let mut fields = Fields::from_json(text.as_bytes()).map_err(|error| faults("", &error))?;
        let list: Option<List> = fields.required("providers");
        let List(list) = fields.finish(|| list).map_err(|error| faults("", &error))?;
        let mut providers: Vec<Provider> = Vec::new();
        let mut wrong = Vec::new();
        for (number, entry) in list.into_iter().enumerate() {
            let place = format!("providers[{number}].");
            match Provider::parse(entry, hosts) {
                Ok(provider) if providers.iter().any(|other| other.id == provider.id) => {
                    wrong.push(format!("{place}id is used twice"));
                }
                Ok(provider) => providers.push(provider),
                Err(error) => wrong.push(faults(&place, &error)),
            }
        }
        if wrong.is_empty() { Ok(Self(providers)) } else { Err(wrong.join("; ")) }
    }

    pub fn find(&self, id: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.id == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.iter()
    }

    /// What a login page needs.
    pub fn listed(&self) -> Vec<Listed> {
        self.0.iter().map(|provider| Listed { id: provider.id.clone(), name: provider.name.clone() }).collect()
    }
}

/// The entries of the list, each an object.
struct List(Vec<serde_json::Map<String, Value>>);

impl FromJson for List {
    fn from_json(value: Value) -> Result<Self, String> {
        let Value::Array(list) = value else { return Err("must be a list".to_owned()) };
        if list.len() > MAX_PROVIDERS {
            return Err(format!("must have at most {MAX_PROVIDERS} entries"));
        }
        let objects = list.into_iter().map(|entry| match entry {
            Value::Object(map) => Ok(map),
            _ => Err("must be a list of objects".to_owned()),
        });
        objects.collect::<Result<_, _>>().map(Self)
    }
}

fn faults(place: &str, error: &Error) -> String {
    match error {
        Error::InvalidRequest(errors) => {
            let named = errors.iter().map(|error| format!("{place}{} {}", error.field, error.message));
            named.collect::<Vec<_>>().join("; ")
        }
        error => format!("{place} {error}"),
    }
}

impl Provider {
    fn parse(entry: serde_json::Map<String, Value>, hosts: Hosts) -> Result<Self, Error> {
        let mut fields = Fields::new(entry);
        let id: Option<Id> = fields.required("id");
        let preset: Option<Preset> = fields.required("type");
        let name: Option<DisplayText> = fields.required("name");
        let client_id: Option<Ascii> = fields.required("client_id");
        let service = preset.and_then(|preset| service(&mut fields, preset, hosts));
        let secret = preset.and_then(|preset| secret(&mut fields, preset));
        let scopes: Option<Words> = fields.optional("scopes");
        let trust_email: Option<bool> = fields.optional("trust_email");
        let audiences: Option<Words> = fields.optional("audiences");
        let mode: Option<Mode> = fields.optional("response_mode");
        let preset = preset.unwrap_or(Preset::Oidc);
        let scopes = scopes.map_or_else(|| preset.scopes().to_owned(), |Words(words)| words.join(" "));
        let is_open_id = preset != Preset::Github;
        if is_open_id && !scopes.split(' ').any(|scope| scope == "openid") {
            fields.note("scopes", "must include openid");
        }
        // Apple posts its answer whenever the name or the address is asked for.
        let form_post = mode.map_or(preset == Preset::Apple, |Mode(form_post)| form_post);
        if form_post && !is_open_id {
            fields.note("response_mode", "must be query, because GitHub does not post its answer");
        }
        fields.finish(|| {
            Some(Self {
                id: id?.0,
                name: name?.as_str().to_owned(),
                preset,
                service: service?,
                client_id: client_id?.0,
                secret: secret?,
                scopes,
                trust_email: trust_email.unwrap_or(preset.is_trusted()),
                audiences: audiences.map(|Words(words)| words).unwrap_or_default(),
                form_post,
            })
        })
    }

    /// Whether an ID token for this audience is for this service or one of its apps.
    pub fn accepts_audience(&self, audience: &str) -> bool {
        self.client_id == audience || self.audiences.iter().any(|known| known == audience)
    }
}

/// `response_mode`: whether the provider posts.
struct Mode(bool);

impl FromJson for Mode {
    fn from_json(value: Value) -> Result<Self, String> {
        match value.as_str() {
            Some("query") => Ok(Self(false)),
            Some("form_post") => Ok(Self(true)),
            _ => Err("must be \"query\" or \"form_post\"".to_owned()),
        }
    }
}

/// Takes the addresses of the provider's servers. A trailing slash of an issuer is a part of it.
fn service(fields: &mut Fields, preset: Preset, hosts: Hosts) -> Option<Service> {
    let mut address = |name: &str| {
        let Ascii(text) = fields.optional(name)?;
        if ProviderUrl::parse(&text, hosts).is_none_or(|url| url.path().contains('?')) {
            fields.note(name, "must be an https URL at a public domain name, without user info, query and fragment");
        }
        Some(text)
    };
    let (issuer, base, api) = (address("issuer"), address("base_url"), address("api_url"));
    let tenant: Option<Id> = if preset == Preset::Microsoft { tenant(fields) } else { None };
    let trimmed = |base: &str| base.trim_end_matches('/').to_owned();
    if preset == Preset::Github {
        if issuer.is_some() {
            fields.note("issuer", "must be left out: GitHub has base_url and api_url");
        }
        let api = match (&api, &base) {
            (Some(api), _) => trimmed(api),
            // GitHub Enterprise Server has its API below its site.
            (None, Some(base)) => format!("{}/api/v3", trimmed(base)),
            (None, None) => "https://api.github.com".to_owned(),
        };
        return Some(Service::Github {
            site: base.map_or("https://github.com".to_owned(), |base| trimmed(&base)),
            api,
        });
    }
    if api.is_some() {
        fields.note("api_url", "must be left out: only GitHub has it");
    }
    let default = match preset {
        Preset::Gitlab => Some("https://gitlab.com"),
        Preset::Google => Some("https://accounts.google.com"),
        Preset::Apple => Some("https://appleid.apple.com"),
        Preset::Microsoft => Some("https://login.microsoftonline.com"),
        Preset::Oidc | Preset::Github => None,
    };
    let issuer = match (issuer, preset) {
        (Some(issuer), _) => issuer,
        (None, Preset::Microsoft) => {
            let base = base.or_else(|| default.map(str::to_owned))?;
            format!("{}/{}/v2.0", trimmed(&base), tenant.map_or("common".to_owned(), |Id(tenant)| tenant))
        }
        (None, _) => match base.map(|base| trimmed(&base)).or_else(|| default.map(str::to_owned)) {
            Some(issuer) => issuer,
            None => {
                fields.note("issuer", "is required");
                return None;
            }
        },
    };
    Some(Service::OpenId { issuer })
}

/// Takes the tenant of Microsoft's: an id, a domain name, `common`, `organizations` or `consumers`.
fn tenant(fields: &mut Fields) -> Option<Id> {
    let Ascii(text) = fields.optional("tenant")?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if text.len() > 253 || !text.bytes().all(fine) {
        fields.note("tenant", "must be the id or the domain name of a tenant, common, organizations or consumers");
    }
    Some(Id(text.to_ascii_lowercase()))
}

fn secret(fields: &mut Fields, preset: Preset) -> Option<ClientSecret> {
    let is_given = fields.has("client_secret");
    let text: Option<Ascii> = fields.optional("client_secret");
    if preset != Preset::Apple || is_given {
        // GitHub and the others of this list know no public clients.
        if !is_given && preset != Preset::Oidc {
            fields.note("client_secret", "is required");
        }
        return Some(text.map_or(ClientSecret::None, |Ascii(text)| ClientSecret::Text(Zeroizing::new(text))));
    }
    let team_id: Option<Ascii> = fields.required("team_id");
    let key_id: Option<Ascii> = fields.required("key_id");
    let private_key: Option<Pem> = fields.required("private_key");
    Some(ClientSecret::Apple(AppleKey { team_id: team_id?.0, key_id: key_id?.0, private_key: private_key?.0 }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(entries: Value) -> Result<Providers, String> {
        Providers::parse(&json!({ "providers": entries }).to_string(), Hosts::Public)
    }

    fn entry(kind: &str) -> Value {
        json!({ "id": kind, "type": kind, "name": kind, "client_id": "id", "client_secret": "hunter2" })
    }

    #[test]
    fn each_preset_has_its_servers_and_trust() {
        let mut oidc = entry("oidc");
        oidc["issuer"] = json!("https://idp.example/realm/");
        let mut microsoft = entry("microsoft");
        microsoft["tenant"] = json!("organizations");
        let list = json!([entry("github"), entry("gitlab"), entry("google"), microsoft, entry("apple"), oidc]);
        let providers = parse(list).unwrap();
        let issuer = |id: &str| match &providers.find(id).unwrap().service {
            Service::OpenId { issuer } => issuer.clone(),
            Service::Github { site, api } => format!("{site} {api}"),
        };
        assert_eq!(issuer("github"), "https://github.com https://api.github.com");
        assert_eq!(issuer("gitlab"), "https://gitlab.com");
        assert_eq!(issuer("google"), "https://accounts.google.com");
        assert_eq!(issuer("microsoft"), "https://login.microsoftonline.com/organizations/v2.0");
        assert_eq!(issuer("apple"), "https://appleid.apple.com");
        assert_eq!(issuer("oidc"), "https://idp.example/realm/");
        let trusted: Vec<&str> =
            providers.iter().filter(|provider| provider.trust_email).map(|provider| provider.id.as_str()).collect();
        assert_eq!(trusted, ["github", "gitlab", "google", "apple"]);
        assert!(providers.find("apple").unwrap().form_post && !providers.find("google").unwrap().form_post);
        assert!(!format!("{providers:?}").contains("hunter2"));
    }

    #[test]
    fn an_enterprise_server_has_its_api_below_its_site() {
        let mut github = entry("github");
        github["base_url"] = json!("https://git.example/");
        let providers = parse(json!([github])).unwrap();
        let Service::Github { site, api } = &providers.find("github").unwrap().service else { panic!("GitHub") };
        assert_eq!((site.as_str(), api.as_str()), ("https://git.example", "https://git.example/api/v3"));
    }

    #[test]
    fn every_fault_is_named_by_its_field_and_no_value_is_repeated() {
        for (change, named) in [
            (json!({ "id": "A B" }), "providers[0].id"),
            (json!({ "type": "hunter2" }), "providers[0].type"),
            (json!({ "client_secret": null }), "providers[0].client_secret"),
            (json!({ "client_secret": ["hunter2"] }), "providers[0].client_secret"),
            (json!({ "issuer": "http://idp.example" }), "providers[0].issuer"),
            (json!({ "issuer": "https://10.0.0.1" }), "providers[0].issuer"),
            (json!({ "issuer": "https://hunter2@idp.example" }), "providers[0].issuer"),
            (json!({ "issuer": "https://idp.example?x=1" }), "providers[0].issuer"),
            (json!({ "trust_email": "true" }), "providers[0].trust_email"),
            (json!({ "scopes": ["profile"] }), "providers[0].scopes"),
            (json!({ "response_mode": "fragment" }), "providers[0].response_mode"),
            (json!({ "hunter": "hunter2" }), "providers[0].hunter"),
            (json!({ "api_url": "https://api.example" }), "providers[0].api_url"),
        ] {
            let mut google = entry("google");
            google.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let fault = parse(json!([google])).unwrap_err();
            assert!(fault.contains(named) && !fault.contains("hunter2"), "{fault}");
        }
        assert!(
            parse(json!([entry("google"), entry("google")])).unwrap_err().contains("providers[1].id is used twice")
        );
        for text in ["", "[]", "{}", "{\"providers\": {}}", "{\"providers\": [1]}", "{\"providers\": [], \"x\": 1}"] {
            assert!(Providers::parse(text, Hosts::Public).is_err(), "{text}");
        }
    }

    #[test]
    fn apple_signs_its_secret_with_a_key() {
        let key = json!({ "id": "apple", "type": "apple", "name": "Apple", "client_id": "com.example", "team_id": "T",
            "key_id": "K", "private_key": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----" });
        let providers = parse(json!([key])).unwrap();
        assert!(matches!(providers.find("apple").unwrap().secret, ClientSecret::Apple(_)));
        let mut without = key;
        without["private_key"] = Value::Null;
        assert!(parse(json!([without])).unwrap_err().contains("private_key is required"));
    }
}
