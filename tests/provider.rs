//! Sign-in providers for tests, written from their documentation: GitHub's OAuth and API, and OpenID Connect with discovery, as GitLab,
//! Google, Microsoft and Apple have it. They keep no state. A code holds what the user agreed to and what the provider then answers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use aws_lc_rs::{
    encoding::AsDer,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use local::World;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::clock::Clock;

use crate::{Answer, Client};

/// The client id and secret at every provider.
pub const CLIENT_ID: &str = "latchkey-client";
const CLIENT_SECRET: &str = "s3cret+of/the~client";

/// The name of the secret with the providers, for the parameter `Providers`.
pub const PROVIDERS: &str = "sign-in-providers";

/// The issuer of `idp`, a provider that is not trusted with addresses.
pub const IDP: &str = "https://idp.example";

/// The configuration of the providers.
pub fn document() -> Value {
    let of = |id: &str, kind: &str, more: Value| {
        let mut entry = json!({ "id": id, "type": kind, "name": id.to_uppercase(), "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    json!({ "providers": [
        of("github", "github", json!({})),
        of("gitlab", "gitlab", json!({})),
        of("google", "google", json!({ "audiences": ["latchkey-app"] })),
        of("microsoft", "microsoft", json!({ "trust_email": true })),
        of("apple", "apple", json!({})),
        of("idp", "oidc", json!({ "issuer": IDP })),
        of("down", "oidc", json!({ "issuer": "https://down.example" })),
        of("liar", "oidc", json!({ "issuer": "https://liar.example" })),
        of("rotating", "oidc", json!({ "issuer": "https://rotating.example", "trust_email": true })),
    ] })
}

/// A key that signs ID tokens, with its public part.
struct SigningKey {
    kid: &'static str,
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

fn ecdsa(kid: &'static str) -> SigningKey {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    let public = json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": part(1..33),
        "y": part(33..65) });
    let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
    SigningKey { kid, algorithm: Algorithm::ES256, private, public }
}

fn rsa_key(kid: &'static str) -> SigningKey {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({ "kty": "RSA", "use": "sig", "kid": kid,
        "n": text(public.modulus().big_endian_without_leading_zero()),
        "e": text(public.exponent().big_endian_without_leading_zero()) });
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    // `jsonwebtoken` takes PKCS #1, which PKCS #8 holds after 26 bytes.
    let private = EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]);
    SigningKey { kid, algorithm: Algorithm::RS256, private, public: jwk }
}

/// The keys of all providers: the usual one, one of RSA, and one that is published later.
fn keys() -> &'static [SigningKey; 3] {
    static KEYS: OnceLock<[SigningKey; 3]> = OnceLock::new();
    KEYS.get_or_init(|| [ecdsa("key-1"), rsa_key("key-2"), ecdsa("key-3")])
}

/// The issuer and the address at which a provider's users log in.
fn issuer(id: &str) -> String {
    match id {
        "gitlab" => "https://gitlab.com".to_owned(),
        "google" => "https://accounts.google.com".to_owned(),
        "microsoft" => "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0".to_owned(),
        "apple" => "https://appleid.apple.com".to_owned(),
        "idp" => IDP.to_owned(),
        other => format!("https://{other}.example"),
    }
}

/// An ID token of a provider with these claims in addition to the usual ones. `null` takes one out.
pub fn id_token(world: &World, provider: &str, claims: &Value) -> String {
    sign(&usual(world.clock().now().seconds(), &issuer(provider), claims), &keys()[0], |_| {})
}

fn usual(now: i64, issuer: &str, claims: &Value) -> Value {
    let mut all = json!({ "iss": issuer, "aud": CLIENT_ID, "sub": "248289761001", "iat": now, "exp": now + 3600 });
    if issuer.starts_with("https://login.microsoftonline.com") {
        all["tid"] = json!("11111111-2222-3333-4444-555555555555");
    }
    let map = all.as_object_mut().unwrap();
    map.extend(claims.as_object().unwrap().clone());
    map.retain(|_, value| !value.is_null());
    all
}

fn sign(claims: &Value, key: &SigningKey, change: impl Fn(&mut Header)) -> String {
    let mut header = Header { kid: Some(key.kid.to_owned()), ..Header::new(key.algorithm) };
    change(&mut header);
    encode(&header, claims, &key.private).unwrap()
}

/// A token that no key signed: `alg` is `none`, or HS256 with the public key as the secret.
fn forged(claims: &Value, kind: &str) -> String {
    if kind == "none" {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        return format!("{}.{}.", part(&json!({ "alg": "none", "kid": "key-1" })), part(claims));
    }
    let header = Header { kid: Some("key-1".to_owned()), ..Header::new(Algorithm::HS256) };
    encode(&header, claims, &EncodingKey::from_secret(keys()[0].public.to_string().as_bytes())).unwrap()
}

/// The servers of all providers. Those of one world remember which keys they have published.
pub fn servers() -> local::options::Servers {
    let reads: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    Arc::new(move |request: Request<Bytes>| {
        let reads = Arc::clone(&reads);
        Box::pin(async move {
            let host = request.uri().host()?.to_owned();
            let path = request.uri().path().to_owned();
            match host.as_str() {
                "github.com" => Some(github(&request)),
                "api.github.com" => Some(github_api(&request)),
                "down.example" => Some(answer(503, "<html>down</html>")),
                _ if path.ends_with("/.well-known/openid-configuration") => Some(discovery(&host)),
                _ if path == "/jwks" => {
                    let read = {
                        let mut reads = reads.lock().unwrap();
                        let read = reads.entry(host.clone()).or_default();
                        *read += 1;
                        *read
                    };
                    let published = if host == "rotating.example" && read > 1 { 3 } else { 2 };
                    let list: Vec<&Value> = keys().iter().take(published).map(|key| &key.public).collect();
                    Some(json_answer(&json!({ "keys": list })))
                }
                _ if path == "/token" => token(&host, &request).await,
                _ if path == "/userinfo" => Some(userinfo(&request)),
                _ => None,
            }
        })
    })
}

fn discovery(host: &str) -> Response<Bytes> {
    let issuer = match host {
        "login.microsoftonline.com" => format!("https://{host}/{{tenantid}}/v2.0"),
        "liar.example" => "https://idp.example".to_owned(),
        _ => format!("https://{host}"),
    };
    let at = |path: &str| format!("https://{host}/{path}");
    json_answer(&json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("jwks"),
        "token_endpoint_auth_methods_supported": if host == "idp.example" { json!(["client_secret_basic"]) }
            else { json!(["client_secret_post"]) },
        "authorization_response_iss_parameter_supported": host == "idp.example",
    }))
}

fn form(request: &Request<Bytes>) -> BTreeMap<String, String> {
    let text = std::str::from_utf8(request.body()).unwrap();
    let url = url::Url::parse(&format!("https://form.invalid/?{text}")).unwrap();
    url.query_pairs().into_owned().collect()
}

/// The content of a code, if the request may exchange it: with the right client, redirect URI and verifier.
fn exchanged(request: &Request<Bytes>) -> Option<Value> {
    let form = form(request);
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let basic = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let encoded: String = url::form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    let encoded = format!("{CLIENT_ID}:{encoded}");
    let by_basic = basic
        .is_some_and(|basic| basic == format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(&encoded)));
    let by_post = (field("client_id"), field("client_secret")) == (CLIENT_ID, CLIENT_SECRET);
    let code = decoded(field("code"))?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
    let fits = code["redirect_uri"] == field("redirect_uri") && code["code_challenge"] == challenge.as_str();
    ((by_basic || by_post) && fits).then_some(code)
}

fn decoded(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

async fn token(host: &str, request: &Request<Bytes>) -> Option<Response<Bytes>> {
    let Some(code) = exchanged(request) else {
        return Some(status_json(
            400,
            &json!({ "error": "invalid_grant", "error_description": "hostile <b>text</b>" }),
        ));
    };
    let fault = code["fault"].as_str().unwrap_or_default();
    match fault {
        "5xx" => return Some(answer(502, "bad gateway")),
        // GitLab: "User and IP rate limits".
        "429" => {
            let mut limited = answer(429, "Retry later\n");
            for (name, value) in [("retry-after", "30"), ("ratelimit-remaining", "0"), ("ratelimit-limit", "60")] {
                limited.headers_mut().insert(name, value.parse().unwrap());
            }
            return Some(limited);
        }
        "malformed" => return Some(answer(200, "<html>")),
        "oversized" => return Some(answer(200, &format!("{{\"id_token\": \"x\"}}{}", " ".repeat(1024 * 1024)))),
        "slow" => tokio::time::sleep(Duration::from_secs(30)).await,
        "no answer" => return None,
        "redirect" => {
            let mut redirect = answer(307, "");
            redirect.headers_mut().insert("location", "https://evil.example/token".parse().unwrap());
            return Some(redirect);
        }
        _ => {}
    }
    let issuer = match host {
        "login.microsoftonline.com" => issuer("microsoft"),
        host => format!("https://{host}"),
    };
    let now = code["now"].as_i64().unwrap();
    let mut claims = usual(now, &issuer, &json!({ "nonce": code["nonce"] }));
    claims.as_object_mut().unwrap().extend(code["claims"].as_object().unwrap().clone());
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims.as_object_mut().unwrap().values_mut().for_each(expand);
    let token = match fault {
        "none" | "HS256" => forged(&claims, fault),
        "RS256" => sign(&claims, &keys()[1], |_| {}),
        "later key" => sign(&claims, &keys()[2], |_| {}),
        "unknown key" => sign(&claims, &keys()[0], |header| header.kid = Some("key-9".to_owned())),
        "another key" => sign(&claims, &keys()[2], |header| header.kid = Some("key-1".to_owned())),
        "bad signature" => format!("{}AAAA", sign(&claims, &keys()[0], |_| {})),
        _ => sign(&claims, &keys()[0], |_| {}),
    };
    // The access token says what `userinfo` answers.
    let access = URL_SAFE_NO_PAD.encode(code["userinfo"].to_string());
    let kind = if fault == "token type mac" { "mac" } else { "Bearer" };
    Some(json_answer(&json!({ "access_token": access, "token_type": kind, "id_token": token })))
}

/// A text that is longer than a code can be: `repeat:<count>:<end>` is so many letters and an end.
fn expand(value: &mut Value) {
    let Some((count, end)) = value.as_str().and_then(|text| text.strip_prefix("repeat:")?.split_once(':')) else {
        return;
    };
    *value = json!("x".repeat(count.parse().unwrap()) + end);
}

fn bearer(request: &Request<Bytes>) -> Option<Value> {
    decoded(request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?)
}

fn userinfo(request: &Request<Bytes>) -> Response<Bytes> {
    match bearer(request) {
        Some(claims) if claims["fault"] == "429" => answer(429, "Retry later\n"),
        Some(claims) if claims.is_object() => json_answer(&claims),
        _ => answer(401, ""),
    }
}

/// GitHub: "Authorizing OAuth apps" and "Troubleshooting OAuth app access token request errors". Refusals have the status 200.
fn github(request: &Request<Bytes>) -> Response<Bytes> {
    if request.uri().path() != "/login/oauth/access_token" || request.headers()["accept"] != "application/json" {
        return answer(404, "Not Found");
    }
    let refused = |error: &str| {
        json_answer(&json!({ "error": error, "error_description": "hostile <b>text</b>",
            "error_uri": format!("/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#{error}") }))
    };
    let Some(code) = exchanged(request) else { return refused("bad_verification_code") };
    let mut kind = json!("bearer");
    match code["fault"].as_str().unwrap_or_default() {
        "token 429" => return limited_at_github(429, &[("retry-after", "60")], "Too many requests"),
        "token type BEARER" => kind = json!("BEARER"),
        "token type mac" => kind = json!("mac"),
        "no token type" => kind = Value::Null,
        fault => {
            if let Some(error) = fault.strip_prefix("token error ") {
                return refused(error);
            }
        }
    }
    let token = URL_SAFE_NO_PAD.encode(code.to_string());
    json_answer(&json!({ "access_token": token, "scope": "read:user,user:email", "token_type": kind }))
}

/// GitHub's REST API: "Get the authenticated user", "List email addresses for the authenticated user", "Rate limits for the REST API",
/// "Using pagination in the REST API".
fn github_api(request: &Request<Bytes>) -> Response<Bytes> {
    const EXHAUSTED: [(&str, &str); 4] = [
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-used", "5000"),
        ("x-ratelimit-reset", "1893456000"),
    ];
    if request.headers().get("user-agent").is_none() {
        return answer(403, "Request forbidden by administrative rules.");
    }
    let Some(code) = bearer(request) else { return status_json(401, &json!({ "message": "Bad credentials" })) };
    let (path, primary) = (request.uri().path(), "API rate limit exceeded for user ID 1.");
    match code["fault"].as_str().unwrap_or_default() {
        "403" => return limited_at_github(403, &EXHAUSTED, primary),
        "429" => return limited_at_github(429, &EXHAUSTED, primary),
        "emails 403" if path == "/user/emails" => return limited_at_github(403, &EXHAUSTED, primary),
        "secondary" => {
            let why = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
            return limited_at_github(403, &[("retry-after", "60"), ("x-ratelimit-remaining", "4999")], why);
        }
        "401" => return status_json(401, &json!({ "message": "Bad credentials" })),
        _ => {}
    }
    let claims = &code["claims"];
    match path {
        "/user" => json_answer(&json!({ "login": "octocat", "id": claims["id"], "name": claims["name"],
            "avatar_url": "https://avatars.githubusercontent.com/u/1?v=4", "email": "public@example.org" })),
        // Without the scope `user:email`.
        "/user/emails" if claims["emails"].is_null() => status_json(404, &json!({ "message": "Not Found" })),
        "/user/emails" => match claims["emails"].as_array() {
            Some(list) => page_of(request, &list.iter().flat_map(addresses).collect::<Vec<_>>()),
            None => json_answer(&claims["emails"]),
        },
        _ => answer(404, ""),
    }
}

/// The addresses that an entry describes: `{"others": <count>}` is so many.
fn addresses(entry: &Value) -> Vec<Value> {
    let Some(count) = entry["others"].as_u64() else { return vec![entry.clone()] };
    let other =
        |number: u64| json!({ "email": format!("other{number}@example.org"), "primary": false, "verified": true });
    (0..count).map(other).collect()
}

fn limited_at_github(status: u16, headers: &[(&'static str, &'static str)], message: &str) -> Response<Bytes> {
    let documentation = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
    let mut limited = status_json(status, &json!({ "message": message, "documentation_url": documentation }));
    for (name, value) in headers {
        limited.headers_mut().insert(*name, value.parse().unwrap());
    }
    limited
}

/// A page of a list: 30 entries, or `per_page` up to 100, and a link to the next page.
fn page_of(request: &Request<Bytes>, list: &[Value]) -> Response<Bytes> {
    let url = url::Url::parse(&request.uri().to_string()).unwrap();
    let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let number = |name: &str, default: usize| asked.get(name).map_or(default, |text| text.parse().unwrap());
    let (page, size) = (number("page", 1).max(1), number("per_page", 30).clamp(1, 100));
    let rest = list.get((page - 1) * size..).unwrap_or_default();
    let mut answer = json_answer(&json!(rest[..rest.len().min(size)]));
    if rest.len() > size {
        let next = format!("<https://api.github.com/user/emails?per_page={size}&page={}>; rel=\"next\"", page + 1);
        answer.headers_mut().insert("link", next.parse().unwrap());
    }
    answer
}

fn json_answer(value: &Value) -> Response<Bytes> {
    status_json(200, value)
}

fn status_json(status: u16, value: &Value) -> Response<Bytes> {
    answer(status, &value.to_string())
}

fn answer(status: u16, body: &str) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

/// The claims of a user with a verified address.
pub fn verified(email: &str) -> Value {
    json!({ "email": email, "email_verified": true, "name": "Ada Lovelace" })
}

/// The same at GitHub.
pub fn at_github(id: u64, email: &str, is_verified: bool) -> Value {
    json!({ "id": id, "name": "Ada Lovelace", "emails": [
        { "email": "other@example.org", "primary": false, "verified": true, "visibility": null },
        { "email": email, "primary": true, "verified": is_verified, "visibility": "private" },
    ] })
}

/// What the browser brings back from a provider after the user agreed to what the URL asks for: the parameters of the answer.
pub fn agreed(world: &World, authorization_url: &str, claims: &Value) -> Vec<(String, String)> {
    agreed_with(world, authorization_url, claims, "", &Value::Null)
}

/// As [`agreed`]. The provider's later answers have a fault, and `userinfo` answers with these claims.
pub fn agreed_with(
    world: &World,
    authorization_url: &str,
    claims: &Value,
    fault: &str,
    userinfo: &Value,
) -> Vec<(String, String)> {
    let url = url::Url::parse(authorization_url).unwrap();
    let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let code = json!({
        "redirect_uri": asked["redirect_uri"],
        "code_challenge": asked["code_challenge"],
        "nonce": asked.get("nonce"),
        "claims": claims,
        "fault": fault,
        "userinfo": userinfo,
        "now": world.clock().now().seconds(),
    });
    let mut answer = vec![
        ("code".to_owned(), URL_SAFE_NO_PAD.encode(code.to_string())),
        ("state".to_owned(), asked["state"].clone()),
    ];
    if url.host_str() == Some("idp.example") {
        answer.push(("iss".to_owned(), IDP.to_owned()));
    }
    answer
}

/// A query or form of these parameters.
pub fn encoded(parameters: &[(String, String)]) -> String {
    let mut url = url::Url::parse("https://form.invalid/").unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    url.query().unwrap().to_owned()
}

impl Client {
    /// Begins a login at a provider. Returns the browser with its cookie, and the URL at the provider.
    pub async fn begin_at(&self, provider: &str, query: &str) -> (Self, String) {
        let answer = self.get(&format!("/v1/providers/{provider}/start{query}")).await.expect(302);
        let location = answer.header("location").to_owned();
        (self.after(&answer), location)
    }

    /// Brings an answer back from a provider.
    pub async fn come_back(&self, provider: &str, parameters: &[(String, String)]) -> Answer {
        self.get(&format!("/v1/providers/{provider}/callback?{}", encoded(parameters))).await
    }

    /// Logs in at a provider as a user with these claims. Returns the answer of the callback.
    pub async fn log_in_at(&self, provider: &str, claims: &Value) -> Answer {
        let (browser, url) = self.begin_at(provider, "").await;
        browser.come_back(provider, &agreed(&self.world, &url, claims)).await
    }
}
