//! A token of one kind does not work in place of another kind (RFC 8725, section 3.12; ASVS 5.0 9.2.2).

use local::SECRET_KEY;
use serde_json::json;
use tests::{Client, Person, world};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn a_token_of_one_kind_works_only_where_its_kind_is_expected() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await.login().await;
    let disown = client.link_token_for(ADDRESS).await;
    client.post("/v1/register", json!({ "email": "eve@example.org" })).await.expect(202);
    let link = client.link_token_for("eve@example.org").await;
    client.post("/v1/register", json!({ "email": "kay@example.org" })).await.expect(202);
    let body = json!({ "token": client.link_token_for("kay@example.org").await });
    let registration = client.post("/v1/register/verify", body).await.expect(200).text("registration_token");
    let second = Person::register(&client, "zoe@example.org").await.login().await;
    let body = json!({ "token": client.link_token_for("zoe@example.org").await });
    let reset = client.post("/v1/login/disown", body).await.expect(200).text("reset_token");
    let cautious = Person::register(&client, "max@example.org").await;
    cautious.enable_totp().await;
    let mfa = cautious.first_factor().await;
    let asked = client.post("/v1/login/passkey/options", json!({})).await.expect(200);
    let csrf = client.get("/v1/csrf").await.expect(200).text("csrf_token");
    let kinds = [
        ("access", person.client.token.clone().unwrap()),
        ("refresh", person.refresh_token.clone()),
        ("device", person.device_token.clone()),
        ("session id", person.session_id.clone()),
        ("recovery key", second.recovery_key.clone()),
        ("csrf", csrf),
        ("link", link),
        ("registration", registration),
        ("disown", disown),
        ("reset", reset),
        ("mfa", mfa),
        ("passkey challenge", asked.text("challenge_id")),
    ];
    let doors = [
        "bearer",
        "cookie",
        "refresh",
        "logout",
        "introspect",
        "authorizer",
        "disown",
        "reset",
        "verify",
        "complete",
        "mfa",
        "passkey options",
    ];
    for door in doors {
        for (kind, token) in &kinds {
            let own = match door {
                "bearer" | "cookie" | "introspect" | "authorizer" => "access",
                "refresh" | "logout" => "refresh",
                "verify" => "link",
                "complete" => "registration",
                "passkey options" => "mfa",
                door => door,
            };
            if *kind == own {
                continue; // the test of its operation uses it
            }
            let cookie = format!("__Host-access={token}");
            let (answer, refused) = match door {
                "bearer" => (client.with_token(token).get("/v1/me").await, "invalid_token"),
                "cookie" => (client.send("GET", "/v1/me", &[("cookie", &cookie)], Vec::new()).await, "invalid_token"),
                "refresh" => {
                    (client.post("/v1/token/refresh", json!({ "refresh_token": token })).await, "invalid_token")
                }
                "logout" => (client.post("/v1/logout", json!({ "refresh_token": token })).await, "invalid_token"),
                "introspect" => {
                    let form = format!("token={token}");
                    let path = "/v1/token/introspect";
                    let form_type = "application/x-www-form-urlencoded";
                    let answer = client.signed("POST", path, form_type, &form, SECRET_KEY).await.expect(200);
                    assert_eq!(answer.body, json!({ "active": false }), "{kind}");
                    continue;
                }
                "authorizer" => {
                    let event = json!({ "headers": { "authorization": format!("Bearer {token}") } });
                    assert_eq!(world.invoke("authorizer", event).await, Err("Unauthorized".to_owned()), "{kind}");
                    continue;
                }
                "disown" => (client.post("/v1/login/disown", json!({ "token": token })).await, "invalid_code"),
                "reset" => {
                    let body = json!({ "token": token, "new_password": tests::OTHER_PASSWORD });
                    (client.post("/v1/password/reset", body).await, "invalid_code")
                }
                "mfa" => {
                    let body = json!({ "mfa_token": token, "method": "totp", "code": "123456" });
                    (client.post("/v1/login/mfa", body).await, "invalid_code")
                }
                "passkey options" => {
                    (client.post("/v1/login/passkey/options", json!({ "mfa_token": token })).await, "invalid_code")
                }
                "verify" => (client.post("/v1/register/verify", json!({ "token": token })).await, "invalid_code"),
                _ => {
                    let body = json!({ "registration_token": token, "password": tests::PASSWORD });
                    (client.post("/v1/register/complete", body).await, "invalid_code")
                }
            };
            assert_eq!(answer.code(), refused, "{kind} at {door}: {}", answer.text);
        }
    }
    person.client.get("/v1/me").await.expect(200);
}
