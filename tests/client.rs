//! A client of the public API.

use bytes::Bytes;
use http::{HeaderMap, Request};
use local::World;
use serde_json::Value;

/// Sends requests to a world, as one client with one address.
#[derive(Clone)]
pub struct Client {
    /// The world.
    pub world: World,
    /// The client's address.
    pub ip: String,
    /// The client's `User-Agent`.
    pub user_agent: String,
    /// The access token that it sends.
    pub token: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON body; null if there is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The problem's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A text of the body.
    pub fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:?}")).to_owned()
    }

    /// A header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The names of the fields that the problem complains of.
    pub fn fields(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    /// This answer, which must have that status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// This answer, which must be that problem, in the form that every problem has.
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

impl Client {
    /// A client at an address of its own, made for documentation (RFC 5737).
    pub fn new(world: &World) -> Self {
        Self { world: world.clone(), ip: "203.0.113.7".to_owned(), user_agent: "tests/1.0".to_owned(), token: None }
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
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // Boxed: the whole of a request is one deep type otherwise.
        let answer = Box::pin(self.world.request(request.body(Bytes::from(body)).unwrap())).await;
        let (parts, body) = answer.into_parts();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Vec::new()).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().into_bytes()).await
    }
}
