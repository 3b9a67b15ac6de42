//! A token of one kind does not work in place of another kind (RFC 8725, section 3.12; ASVS 5.0 9.2.2).

use local::SECRET_KEY;
use serde_json::json;
use tests::{Answer, Client, OTHER_PASSWORD, PASSWORD, Person, world};

const ADDRESS: &str = "ada@example.org";

/// One token of each kind, with the name of the kind.
async fn one_of_each_kind(client: &Client) -> Vec<(&'static str, String)> {
    let person = Person::register(client, ADDRESS).await.login().await;
    let disown = client.link_token_for(ADDRESS).await;
    client.post("/v1/register", json!({ "email": "eve@example.org" })).await.expect(202);
    let link = client.link_token_for("eve@example.org").await;
    client.post("/v1/register", json!({ "email": "kay@example.org" })).await.expect(202);
    let body = json!({ "token": client.link_token_for("kay@example.org").await });
    let registration = client.post("/v1/register/verify", body).await.expect(200).text("registration_token");
    let second = Person::register(client, "zoe@example.org").await.login().await;
    let body = json!({ "token": client.link_token_for("zoe@example.org").await });
    let reset = client.post("/v1/login/disown", body).await.expect(200).text("reset_token");
    let cautious = Person::register(client, "max@example.org").await;
    cautious.enable_totp().await;
    let mfa = cautious.first_factor().await;
    let asked = client.post("/v1/login/passkey/options", json!({})).await.expect(200);
    let csrf = client.get("/v1/csrf").await.expect(200).text("csrf_token");
    vec![
        ("access", person.client.token.unwrap()),
        ("refresh", person.refresh_token),
        ("device", person.device_token),
        ("session id", person.session_id),
        ("recovery key", second.recovery_key),
        ("csrf", csrf),
        ("link", link),
        ("registration", registration),
        ("disown", disown),
        ("reset", reset),
        ("mfa", mfa),
        ("passkey challenge", asked.text("challenge_id")),
    ]
}

/// The places that take a token, with the kind that each expects.
const PLACES: [(&str, &str); 12] = [
    ("bearer", "access"),
    ("cookie", "access"),
    ("introspect", "access"),
    ("authorizer", "access"),
    ("refresh", "refresh"),
    ("logout", "refresh"),
    ("disown", "disown"),
    ("reset", "reset"),
    ("verify", "link"),
    ("complete", "registration"),
    ("mfa", "mfa"),
    ("passkey options", "mfa"),
];

/// Presents a token at a place that answers with a problem. Returns the answer and the code that a refusal has there.
async fn present(client: &Client, place: &str, token: &str) -> (Answer, &'static str) {
    let (path, body) = match place {
        "bearer" => return (client.with_token(token).get("/v1/me").await, "invalid_token"),
        "cookie" => {
            let cookie = format!("__Host-access={token}");
            return (client.send("GET", "/v1/me", &[("cookie", &cookie)], Vec::new()).await, "invalid_token");
        }
        "refresh" => ("/v1/token/refresh", json!({ "refresh_token": token })),
        "logout" => ("/v1/logout", json!({ "refresh_token": token })),
        "disown" => ("/v1/login/disown", json!({ "token": token })),
        "reset" => ("/v1/password/reset", json!({ "token": token, "new_password": OTHER_PASSWORD })),
        "verify" => ("/v1/register/verify", json!({ "token": token })),
        "complete" => ("/v1/register/complete", json!({ "registration_token": token, "password": PASSWORD })),
        "mfa" => ("/v1/login/mfa", json!({ "mfa_token": token, "method": "totp", "code": "123456" })),
        "passkey options" => ("/v1/login/passkey/options", json!({ "mfa_token": token })),
        other => panic!("no place {other}"),
    };
    let refusal = if ["refresh", "logout"].contains(&place) { "invalid_token" } else { "invalid_code" };
    (client.post(path, body).await, refusal)
}

/// Presents a token at a place that must refuse it.
async fn assert_refused(client: &Client, place: &str, kind: &str, token: &str) {
    match place {
        "introspect" => {
            let (path, form_type) = ("/v1/token/introspect", "application/x-www-form-urlencoded");
            let form = format!("token={token}");
            let answer = client.signed("POST", path, form_type, &form, SECRET_KEY).await.expect(200);
            assert_eq!(answer.body, json!({ "active": false }), "{kind}");
        }
        "authorizer" => {
            let event = json!({ "headers": { "authorization": format!("Bearer {token}") } });
            assert_eq!(client.world.invoke("authorizer", event).await, Ok(json!({ "isAuthorized": false })), "{kind}");
        }
        place => {
            let (answer, refusal) = present(client, place, token).await;
            assert_eq!(answer.code(), refusal, "{kind} at {place}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_token_of_one_kind_works_only_where_its_kind_is_expected() {
    let world = world().await;
    let client = Client::new(&world);
    let kinds = one_of_each_kind(&client).await;
    for (place, expected) in PLACES {
        // The test of the operation uses the expected kind.
        for (kind, token) in kinds.iter().filter(|(kind, _)| *kind != expected) {
            assert_refused(&client, place, kind, token).await;
        }
    }
    client.with_token(&kinds[0].1).get("/v1/me").await.expect(200);
}
