//! OAuth 2.1 and OpenID Connect for apps.

mod oauth_authorize;
mod oauth_logout;
mod oauth_revoke;
mod oauth_token;
mod oauth_userinfo;
mod refused_grants;
mod request_sizes;
mod token_races;

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use local::{SECRET_KEY, World};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::{Answer, Client, PASSWORD, Person};

use crate::scenarios::Scenario;

pub(crate) const ADDRESS: &str = "ada@example.org";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
/// The issuer of the tests' worlds.
pub(crate) const ISSUER: &str = "http://localhost:3000";
pub(crate) const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-00";
const CALLBACK: &str = "https://app.example/callback?from=login";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        oauth_authorize::scenarios(),
        oauth_logout::scenarios(),
        oauth_revoke::scenarios(),
        oauth_token::scenarios(),
        oauth_userinfo::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Parameters as a query or form.
pub(crate) fn form(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// The query of the URL that an answer redirects to.
#[track_caller]
pub(crate) fn redirected(answer: &Answer) -> BTreeMap<String, String> {
    assert!([302, 303].contains(&answer.status), "{} {}", answer.status, answer.text);
    let (_, query) = answer.header("location").split_once('?').unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// An app that uses the service to log its users in.
#[derive(Clone)]
pub(crate) struct TestClient {
    pub(crate) client_id: String,
    pub(crate) secret: Option<String>,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
}

impl TestClient {
    /// The local server's client.
    pub(crate) fn local() -> Self {
        Self {
            client_id: "local".to_owned(),
            secret: None,
            redirect_uri: "http://127.0.0.1:8080/callback".to_owned(),
            scope: "openid profile email offline_access".to_owned(),
        }
    }

    /// A new client. `settings` are added to those of a confidential client with one redirect URI.
    pub(crate) async fn create(world: &World, settings: Value) -> Self {
        let mut body = json!({ "name": "Shop", "type": "confidential", "redirect_uris": [CALLBACK] });
        body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let created = admin(world, "POST", "/v1/admin/clients", body).await.expect(201);
        Self {
            client_id: created.text("client_id"),
            secret: created.body["client_secret"].as_str().map(str::to_owned),
            redirect_uri: created.body["redirect_uris"][0].as_str().unwrap().to_owned(),
            scope: "openid profile email offline_access account".to_owned(),
        }
    }

    /// The parameters of an authorization request. `changes` replace those of the same name; an empty value removes one.
    pub(crate) fn request(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut all: Vec<(String, String)> = [
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", "st&te"),
            ("nonce", "n0nce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        for (name, value) in changes {
            all.retain(|(known, _)| known != name);
            if !value.is_empty() {
                all.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        all
    }

    /// The path of an authorization request.
    pub(crate) fn path(&self, changes: &[(&str, &str)]) -> String {
        let request = self.request(changes);
        let pairs: Vec<(&str, &str)> = request.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        format!("/oauth2/authorize?{}", form(&pairs))
    }

    /// Opens an authorization request in a browser.
    pub(crate) async fn authorize(&self, browser: &Client, changes: &[(&str, &str)]) -> Answer {
        browser.get(&self.path(changes)).await
    }

    /// The code that a browser brings back.
    pub(crate) async fn code(&self, browser: &Client) -> String {
        let answer = self.authorize(browser, &[]).await;
        redirected(&answer).remove("code").unwrap_or_else(|| panic!("no code: {}", answer.header("location")))
    }

    /// Posts a form to the token endpoint or to another one, with the client's credentials.
    pub(crate) async fn post(&self, client: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = fields.to_vec();
        all.push(("client_id", &self.client_id));
        all.extend(self.secret.as_deref().map(|secret| ("client_secret", secret)));
        post_form(client, path, &all).await
    }

    /// Redeems a code.
    pub(crate) async fn redeem(&self, client: &Client, code: &str) -> Answer {
        let fields = [&redemption(code)[..], &[("redirect_uri", self.redirect_uri.as_str())]].concat();
        self.post(client, "/oauth2/token", &fields).await
    }

    /// Refreshes.
    pub(crate) async fn refresh(&self, client: &Client, token: &str) -> Answer {
        self.post(client, "/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Logs a browser in to the app, and returns the answer with its tokens.
    pub(crate) async fn log_in(&self, browser: &Client) -> Answer {
        let code = self.code(browser).await;
        self.redeem(&browser.anonymous(), &code).await.expect(200)
    }
}

/// The parameters that redeem a code, without the client.
pub(crate) fn redemption(code: &str) -> [(&str, &str); 3] {
    [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)]
}

/// The CSRF token in the form of a page.
pub(crate) fn csrf_token(page: &Answer) -> String {
    page.text.split("name=\"csrf_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Posts a form.
pub(crate) async fn post_form(client: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    client.send("POST", path, &[("content-type", FORM)], form(fields).into_bytes()).await
}

/// Sends a signed request of an administrator.
pub(crate) async fn admin(world: &World, method: &str, path: &str, body: Value) -> Answer {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    Client::new(world).signed(method, path, "application/json", &text, SECRET_KEY).await
}

/// A person, and a browser in which the person is logged in.
pub(crate) async fn person_in_browser(world: &World, address: &str) -> (Person, Client) {
    let person = Person::register(&Client::new(world), address).await;
    let browser = browser_of(world, address).await;
    (person, browser)
}

/// Another browser in which a person is logged in.
pub(crate) async fn browser_of(world: &World, address: &str) -> Client {
    let client = Client::new(world);
    let client = client.after(&client.get("/v1/csrf").await.expect(200));
    let body = json!({ "identifier": address, "password": PASSWORD, "session": { "transport": "cookie" } });
    client.after(&client.post("/v1/login", body).await.expect(200))
}

/// An answer of an OAuth endpoint with an error.
#[track_caller]
pub(crate) fn expect_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status, answer.body["error"].as_str()), (status, Some(error)), "{}", answer.text);
    assert!(answer.body["error_description"].is_string(), "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
}
