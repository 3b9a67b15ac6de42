//! The client of the tests.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http::{HeaderMap, Request};
use local::World;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared::clock::{Clock, SystemClock};

use crate::conformance::{self, Sent};

/// A client of the public API, with one address.
#[derive(Clone)]
pub struct Client {
    /// The world.
    pub world: World,
    /// The IP address.
    pub ip: String,
    /// The `User-Agent`.
    pub user_agent: String,
    /// The access token.
    pub token: Option<String>,
    /// The cookies.
    pub cookies: BTreeMap<String, String>,
    /// The CSRF token.
    pub csrf_token: Option<String>,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON body, or null.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The code of a problem, the error of an OAuth endpoint, or the code of an error page.
    pub fn code(&self) -> &str {
        let code = self.body["code"].as_str().or_else(|| self.body["error"].as_str());
        let on_page = || Some(self.text.split_once(" data-code=\"")?.1.split_once('"')?.0);
        code.or_else(on_page).unwrap_or_default()
    }

    /// A string in the body.
    pub fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:?}")).to_owned()
    }

    /// A header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The cookies that the answer sets: name, then value and attributes.
    pub fn cookies(&self) -> BTreeMap<String, (String, String)> {
        let set = self.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        set.map(|cookie| {
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), (value.to_owned(), attributes.to_owned()))
        })
        .collect()
    }

    /// The names of the fields that a problem lists.
    pub fn fields(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Asserts a problem with a status and code, in the form of all problems.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["request_id"], self.header("x-request-id"));
        for name in ["type", "title", "detail"] {
            assert!(self.body[name].is_string(), "{}", self.text);
        }
        self
    }
}

/// The answer to a proof of work, as ALTCHA's widget encodes it.
pub fn solve(challenge: &Value) -> String {
    let (salt, hash) = (challenge["salt"].as_str().unwrap(), challenge["challenge"].as_str().unwrap());
    let hex = |number: u64| -> String {
        Sha256::digest(format!("{salt}{number}")).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let number = (0..=challenge["maxnumber"].as_u64().unwrap()).find(|number| hex(*number) == hash).unwrap();
    let answer = serde_json::json!({
        "algorithm": challenge["algorithm"],
        "challenge": hash,
        "number": number,
        "salt": salt,
        "signature": challenge["signature"],
    });
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, answer.to_string())
}

impl Client {
    /// A client at an address for documentation (RFC 5737).
    pub fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            ip: "203.0.113.7".to_owned(),
            user_agent: "tests/1.0".to_owned(),
            token: None,
            cookies: BTreeMap::new(),
            csrf_token: None,
        }
    }

    /// The same client at another address.
    #[must_use]
    pub fn at(&self, ip: &str) -> Self {
        Self { ip: ip.to_owned(), ..self.clone() }
    }

    /// The same client with an access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same client without an access token, cookies and CSRF token.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { token: None, cookies: BTreeMap::new(), csrf_token: None, ..self.clone() }
    }

    /// The same client after an answer, as a browser would be: with its cookies and its CSRF token.
    #[must_use]
    pub fn after(&self, answer: &Answer) -> Self {
        let mut client = self.clone();
        for (name, (value, attributes)) in answer.cookies() {
            if attributes.starts_with("Max-Age=0;") {
                client.cookies.remove(&name);
            } else {
                client.cookies.insert(name, value);
            }
        }
        if let Some(token) = answer.body["csrf_token"].as_str() {
            client.csrf_token = Some(token.to_owned());
        }
        client
    }

    /// Sends a request that is signed (SigV4) with the local administrator's access key and a secret.
    pub async fn signed(&self, method: &str, path: &str, content_type: &str, body: &str, secret: &str) -> Answer {
        let identity = Credentials::new(local::ACCESS_KEY, secret, None, None, "tests").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("execute-api")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(SystemClock.now().seconds().unsigned_abs()))
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let headers = [("host", "localhost:3000"), ("content-type", content_type)];
        let uri = format!("http://localhost:3000{path}");
        let signed_body = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new(method, uri, headers.into_iter(), signed_body).unwrap();
        let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
        let signature: Vec<(String, String)> =
            instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut headers = vec![("content-type", content_type)];
        headers.extend(signature.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.anonymous().send(method, path, &headers, body.as_bytes().to_vec()).await
    }

    /// Sends a request of the local administrator with JSON, or without a body.
    pub async fn administer(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.signed(method, path, "application/json", &body, local::SECRET_KEY).await
    }

    /// Sends a request with any headers and body.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost:3000")
            .header("x-local-source-ip", &self.ip)
            .header("user-agent", &self.user_agent);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; ").into_bytes());
        }
        if let Some(token) = &self.csrf_token {
            request = request.header("x-csrf-token", token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // Boxed, because the type of a whole request is too deep otherwise.
        let sent = Bytes::from(body);
        let answer = Box::pin(self.world.request(request.body(sent.clone()).unwrap())).await;
        let (parts, body) = answer.into_parts();
        let text = if parts.headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
            std::io::read_to_string(flate2::read::GzDecoder::new(body.as_ref())).unwrap()
        } else {
            String::from_utf8(body.to_vec()).unwrap()
        };
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body, text };
        let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = content_type.map_or("", |(_, value)| *value);
        conformance::check(&Sent { method, path, content_type, body: &sent }, &answer);
        answer
    }

    /// Gets a proof of work, and returns its answer.
    pub async fn solved_captcha(&self) -> String {
        let challenge = self.get("/v1/captcha").await.expect(200).body["challenge"].take();
        solve(&challenge)
    }

    /// Sends a `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Vec::new()).await
    }

    /// Sends a `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], Vec::new()).await
    }

    /// Sends a `PATCH` with JSON.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, &[("content-type", "application/json")], body.to_string().into_bytes()).await
    }

    /// Sends a `POST` with JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().into_bytes()).await
    }
}
