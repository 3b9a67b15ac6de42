//! What GitHub and GitLab document and a login must survive: rate limits, refusals, and addresses that prove nothing.

use local::World;
use serde_json::{Value, json};
use tests::{
    Client,
    provider::{agreed, agreed_with, at_github, verified},
};

use super::{provider_callback::error_of, with_providers};

const ADDRESS: &str = "ada@example.org";

async fn world() -> World {
    World::start(with_providers(&[])).await.unwrap()
}

/// The error of a login with a fault of the provider.
async fn refused(client: &Client, provider: &str, claims: &Value, fault: &str, userinfo: &Value) -> String {
    let (browser, url) = client.begin_at(provider, "").await;
    let answer = browser.come_back(provider, &agreed_with(&client.world, &url, claims, fault, userinfo)).await;
    error_of(&answer.expect(302))
}

fn is_empty(world: &World) -> bool {
    world.scan("accounts").is_empty() && tests::sessions(world).is_empty()
}

#[tokio::test]
async fn github_that_limits_or_refuses_this_service_is_unavailable() {
    let world = world().await;
    let client = Client::new(&world);
    let claims = at_github(1, ADDRESS, true);
    for fault in [
        "403",
        "429",
        "secondary",
        "emails 403",
        "token 429",
        "token error incorrect_client_credentials",
        "token error redirect_uri_mismatch",
    ] {
        assert_eq!(refused(&client, "github", &claims, fault, &Value::Null).await, "provider_unavailable", "{fault}");
    }
    assert!(is_empty(&world));
}

#[tokio::test]
async fn github_that_refuses_the_code_or_its_token_leads_to_an_invalid_response() {
    let world = world().await;
    let client = Client::new(&world);
    let claims = at_github(1, ADDRESS, true);
    for fault in [
        "token error bad_verification_code",
        "token error unverified_user_email",
        "token error <b>another</b>",
        "token type mac",
        "no token type",
        "401",
    ] {
        assert_eq!(refused(&client, "github", &claims, fault, &Value::Null).await, "invalid_response", "{fault}");
    }
    assert!(is_empty(&world));
    assert_eq!(refused(&client, "github", &claims, "token type BEARER", &Value::Null).await, "/account");
}

#[tokio::test]
async fn only_a_verified_primary_address_at_github_that_gets_mail_counts() {
    let world = world().await;
    let client = Client::new(&world);
    let email = |address: &str, primary: bool, verified: bool| {
        json!({ "email": address, "primary": primary,
        "verified": verified, "visibility": null })
    };
    let noreply = "583231+octocat@users.noreply.github.com";
    for (what, emails) in [
        ("unverified primary", json!([email(ADDRESS, true, false), email("other@example.org", false, true)])),
        ("no primary", json!([email(ADDRESS, false, true)])),
        ("no address", json!([])),
        ("without the scope", Value::Null),
        ("a private address in place of the primary", json!([email(noreply, true, true)])),
        ("primary and verified as texts", json!([{ "email": ADDRESS, "primary": "true", "verified": "true" }])),
        ("an object", json!({ "email": ADDRESS, "primary": true, "verified": true })),
        ("a list as the address", json!([{ "email": [ADDRESS], "primary": true, "verified": true }])),
        ("the primary after a hundred others", json!([{ "others": 100 }, email(ADDRESS, true, true)])),
    ] {
        let mut claims = at_github(1, ADDRESS, true);
        claims["emails"] = emails;
        assert_eq!(refused(&client, "github", &claims, "", &Value::Null).await, "link_required", "{what}");
    }
    assert!(is_empty(&world));
    // A private address is listed next to the primary one. The list has several pages of the default size.
    let mut claims = at_github(1, ADDRESS, true);
    claims["emails"] = json!([{ "others": 60 }, email(noreply, false, true), email(ADDRESS, true, true)]);
    let answer = client.log_in_at("github", &claims).await.expect(302);
    assert_eq!(client.after(&answer).get("/v1/me").await.expect(200).body["email"], ADDRESS);
}

#[tokio::test]
async fn a_user_of_github_has_a_number() {
    let world = world().await;
    let client = Client::new(&world);
    for id in [json!(null), json!("1"), json!(-1), json!(1.5), json!([1]), json!("")] {
        let mut claims = at_github(1, ADDRESS, true);
        claims["id"] = id.clone();
        assert_eq!(refused(&client, "github", &claims, "", &Value::Null).await, "invalid_response", "{id}");
    }
    assert!(is_empty(&world));
}

#[tokio::test]
async fn gitlab_needs_a_verified_address_and_may_limit_this_service() {
    let world = world().await;
    let client = Client::new(&world);
    let unverified = json!({ "email": ADDRESS, "email_verified": false });
    let without = json!({ "email": ADDRESS });
    let as_text = json!({ "email": ADDRESS, "email_verified": "true" });
    // An address that its user keeps private is in no claim.
    for claims in [unverified.clone(), without, as_text, json!({})] {
        assert_eq!(refused(&client, "gitlab", &claims, "", &Value::Null).await, "link_required", "{claims}");
    }
    let more = |mut claims: Value| {
        claims["sub"] = json!("248289761001");
        claims
    };
    // `userinfo` may have the claims that the ID token lacks.
    assert_eq!(refused(&client, "gitlab", &json!({}), "", &more(unverified)).await, "link_required");
    assert_eq!(refused(&client, "gitlab", &json!({}), "", &more(json!({}))).await, "link_required");
    assert_eq!(
        refused(&client, "gitlab", &json!({}), "token type mac", &more(verified(ADDRESS))).await,
        "link_required"
    );
    assert_eq!(refused(&client, "gitlab", &verified(ADDRESS), "429", &Value::Null).await, "provider_unavailable");
    let limited = json!({ "fault": "429" });
    assert_eq!(refused(&client, "gitlab", &json!({}), "", &limited).await, "provider_unavailable");
    assert!(is_empty(&world));
    assert_eq!(refused(&client, "gitlab", &json!({}), "", &more(verified(ADDRESS))).await, "/account");
}

#[tokio::test]
async fn claims_of_any_shape_and_size_lead_to_a_session_or_an_error() {
    let world = world().await;
    let client = Client::new(&world);
    let with = |name: &str, value: Value| {
        let mut claims = verified(ADDRESS);
        claims[name] = value;
        claims
    };
    for (claims, expected) in [
        (with("email", json!([ADDRESS])), "link_required"),
        (with("email", json!({ "address": ADDRESS })), "link_required"),
        (with("email", json!("ada@example.org\r\nBcc: eve@example.org")), "link_required"),
        (with("email", json!("repeat:10000:@example.org")), "link_required"),
        (with("email", json!("ada@example.org, eve@example.org")), "link_required"),
        (with("email_verified", json!("true")), "link_required"),
        (with("email_verified", json!(1)), "link_required"),
        (with("email_verified", json!([true])), "link_required"),
        (with("sub", json!(7)), "invalid_response"),
        (with("sub", json!("")), "invalid_response"),
        (with("sub", json!("repeat:10000:")), "invalid_response"),
        (with("sub", json!({ "id": 1 })), "invalid_response"),
        (with("name", json!("repeat:100000:")), "invalid_response"),
        (with("name", json!("repeat:1048576:")), "provider_unavailable"),
    ] {
        let (browser, url) = client.begin_at("rotating", "").await;
        let answer = browser.come_back("rotating", &agreed(&world, &url, &claims)).await;
        assert_eq!(
            error_of(&answer.expect(302)),
            expected,
            "{}",
            &claims.to_string()[..200.min(claims.to_string().len())]
        );
    }
    assert!(is_empty(&world));
    // A name is only displayed, so nothing in it is a reason to refuse.
    for (number, (name, shown)) in [
        (json!("\u{202e}drowssap\u{0000}\u{0007}"), json!("drowssap")),
        (json!("\u{200b}\u{200d}"), Value::Null),
        (json!(["Ada"]), Value::Null),
        (json!("<script>alert(1)</script>"), json!("<script>alert(1)</script>")),
        (json!("repeat:300:e\u{0301}"), json!("x".repeat(100))),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = verified(&format!("ada{number}@example.org"));
        claims["sub"] = json!(format!("subject\u{0000}\u{202e} {number}"));
        claims["name"] = name.clone();
        claims["picture"] = json!("javascript:alert(1)");
        let answer = client.log_in_at("rotating", &claims).await.expect(302);
        let me = client.after(&answer).get("/v1/me").await.expect(200).body;
        assert_eq!((&me["picture"], &me["name"]), (&Value::Null, &shown));
        // The same subject logs into the same account.
        let again = client.log_in_at("rotating", &claims).await.expect(302);
        assert_eq!(client.after(&again).get("/v1/me").await.expect(200).body["id"], me["id"]);
    }
}
