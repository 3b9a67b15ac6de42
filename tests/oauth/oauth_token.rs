use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tests::{Client, claims, everything_stored, world};

use super::{
    ADDRESS, FORM, ISSUER, TestClient, VERIFIER, admin, expect_error, form, person_in_browser, post_form, redemption,
};
use crate::scenarios::{self, Scenario, audited, post_form as posting, revoked_sessions, scenario};

#[tokio::test]
async fn a_code_gives_tokens_of_the_user_for_the_app() {
    let world = world().await;
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    person
        .client
        .patch("/v1/me", json!({ "name": "Ada", "username": "ada", "picture": "https://pics.example/a.png" }))
        .await
        .expect(200);
    let app = TestClient::create(&world, json!({ "access_token_seconds": 120 })).await;
    let answer = app.log_in(&browser).await;
    assert_eq!((answer.text("token_type"), &answer.body["expires_in"]), ("Bearer".to_owned(), &json!(120)));
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(answer.body["scope"], "openid profile email offline_access");
    let access = claims(&answer.text("access_token"));
    assert_eq!((&access["client_id"], &access["scope"]), (&json!(app.client_id), &answer.body["scope"]));
    assert_eq!((&access["aud"], &access["sub"]), (&json!(ISSUER), &json!(person.id)));
    assert_eq!(access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(), 120);
    let id = claims(&answer.text("id_token"));
    assert_eq!((&id["iss"], &id["aud"], &id["sub"]), (&json!(ISSUER), &json!(app.client_id), &json!(person.id)));
    assert_eq!((&id["nonce"], &id["acr"], &id["amr"]), (&json!("n0nce"), &json!("aal1"), &json!(["pwd"])));
    assert_eq!(id["exp"].as_i64().unwrap() - id["iat"].as_i64().unwrap(), 600);
    let half = Sha256::digest(answer.text("access_token"))[..16].to_vec();
    assert_eq!(id["at_hash"], URL_SAFE_NO_PAD.encode(half));
    assert_eq!((&id["name"], &id["preferred_username"]), (&json!("Ada"), &json!("ada")));
    assert_eq!(
        (&id["email"], &id["email_verified"], &id["picture"]),
        (&json!(ADDRESS), &json!(true), &json!("https://pics.example/a.png"))
    );
    assert!(id["updated_at"].is_i64() && id["auth_time"].is_i64());
    // The ID token names the browser's session, the access token the app's own.
    let browsers = browser.get("/v1/sessions").await.expect(200);
    let sessions = browsers.body["sessions"].as_array().unwrap();
    let current = sessions.iter().find(|session| session["current"] == true).unwrap();
    assert_eq!(id["sid"], current["id"]);
    let apps = sessions.iter().find(|session| session["client"]["id"] == json!(app.client_id)).unwrap();
    assert_eq!((&apps["id"], &apps["client"]["name"]), (&access["sid"], &json!("Shop")));
    assert_eq!(apps["device"]["id"], current["device"]["id"]);
    for secret in ["access_token", "refresh_token", "id_token"] {
        assert!(!everything_stored(&world).contains(&answer.text(secret)));
    }
}

#[tokio::test]
async fn id_tokens_are_signed_as_the_client_asks() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    for algorithm in ["ES256", "RS256"] {
        let app = TestClient::create(&world, json!({ "id_token_alg": algorithm })).await;
        let answer = app.log_in(&browser).await;
        let header = |token: &str| {
            let head = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
            serde_json::from_slice::<serde_json::Value>(&head).unwrap()
        };
        let id = header(&answer.text("id_token"));
        assert_eq!(id["alg"], algorithm);
        assert_eq!(header(&answer.text("access_token"))["alg"], "ES256");
        let keys = browser.get("/.well-known/jwks.json").await.expect(200);
        let key = keys.body["keys"].as_array().unwrap().iter().find(|key| key["kid"] == id["kid"]).unwrap().clone();
        assert_eq!(key["alg"], algorithm);
    }
}

/// O2, O3: what spends a code, and what ends the session made from it.
#[tokio::test]
async fn a_code_works_once_for_its_client_uri_and_verifier() {
    let world = world().await;
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let app = TestClient::create(&world, json!({})).await;
    let other = TestClient::create(&world, json!({})).await;
    let base = [("grant_type", "authorization_code")];
    for (what, fields) in [
        ("verifier", vec![("code_verifier", "another-verifier-of-at-least-forty-three-characters")]),
        ("short verifier", vec![("code_verifier", "a-verifier")]),
        ("no verifier", vec![]),
        ("uri", vec![("code_verifier", VERIFIER), ("redirect_uri", "https://app.example/callback")]),
    ] {
        let code = app.code(&browser).await;
        let fields = [base.to_vec(), vec![("code", code.as_str())], fields].concat();
        expect_error(&app.post(&client, "/oauth2/token", &fields).await, 400, "invalid_grant");
        let right = app.redeem(&client, &code).await;
        expect_error(&right, 400, "invalid_grant");
        assert_eq!(audited(&world, "redeem_code", "success"), 0, "{what}");
    }
    let code = app.code(&browser).await;
    expect_error(&other.redeem(&client, &code).await, 400, "invalid_grant");
    expect_error(&app.redeem(&client, &code).await, 400, "invalid_grant");
    // Without a redirect URI, because it is optional.
    let code = app.code(&browser).await;
    let fields = [&redemption(&code)[..], &[("redirect_uri", "")]].concat();
    let tokens = app.post(&client, "/oauth2/token", &fields).await.expect(200);
    // Another client's repetition ends nothing.
    expect_error(&other.redeem(&client, &code).await, 400, "invalid_grant");
    client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await.expect(200);
    // The client's own does.
    expect_error(&app.redeem(&client, &code).await, 400, "invalid_grant");
    let refused = client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await;
    expect_error(&refused, 401, "invalid_token");
    expect_error(&app.refresh(&client, &tokens.text("refresh_token")).await, 400, "invalid_grant");
    // A wrong secret spends nothing.
    let code = app.code(&browser).await;
    let thief = TestClient { secret: Some(format!("lkcs_{}", "A".repeat(43))), ..app.clone() };
    expect_error(&thief.redeem(&client, &code).await, 401, "invalid_client");
    app.redeem(&client, &code).await.expect(200);
    for nonsense in ["", "x", &"A".repeat(43), &person.refresh_token, &"a".repeat(3000)] {
        let answer = app.redeem(&client, nonsense).await;
        let error = if nonsense.is_empty() { "invalid_request" } else { "invalid_grant" };
        expect_error(&answer, 400, error);
    }
}

#[tokio::test]
async fn a_code_lives_sixty_seconds_and_no_longer_than_its_session() {
    let world = world().await;
    world.clock().freeze();
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let app = TestClient::create(&world, json!({})).await;
    let (early, late) = (app.code(&browser).await, app.code(&browser).await);
    world.clock().advance(59);
    app.redeem(&client, &early).await.expect(200);
    world.clock().advance(2);
    expect_error(&app.redeem(&client, &late).await, 400, "invalid_grant");
    // O5
    let code = app.code(&browser).await;
    browser.post("/v1/logout", json!({})).await.expect(204);
    expect_error(&app.redeem(&client, &code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn clients_authenticate_in_one_way() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let app = TestClient::create(&world, json!({})).await;
    let public = TestClient::create(&world, json!({ "type": "public" })).await;
    let secret = app.secret.clone().unwrap();
    let basic = |id: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let send = async |header: Option<String>, path: &str, fields: &[(&str, &str)]| {
        let mut headers = vec![("content-type", FORM)];
        headers.extend(header.as_deref().map(|header| ("authorization", header)));
        client.send("POST", path, &headers, form(fields).into_bytes()).await
    };
    let code = app.code(&browser).await;
    let fields = redemption(&code);
    let token = "/oauth2/token";
    // O10
    let both = [&fields[..], &[("client_secret", secret.as_str())]].concat();
    expect_error(&send(Some(basic(&app.client_id, &secret)), token, &both).await, 400, "invalid_request");
    let in_query = format!("{token}?client_id={}&client_secret={secret}", app.client_id);
    expect_error(&send(None, &in_query, &fields).await, 400, "invalid_request");
    let two = [&fields[..], &[("client_id", public.client_id.as_str())]].concat();
    expect_error(&send(Some(basic(&app.client_id, &secret)), token, &two).await, 400, "invalid_request");
    for header in [
        basic(&app.client_id, "wrong"),
        basic(&app.client_id, ""),
        basic("nobody", &secret),
        "Basic !".to_owned(),
        "Bearer x".to_owned(),
    ] {
        let answer = send(Some(header.clone()), token, &fields).await;
        expect_error(&answer, 401, "invalid_client");
        assert!(answer.header("www-authenticate").starts_with("Basic"), "{header}");
    }
    let with_id = |id: &str| {
        [&fields[..], &[("client_id", id)]]
            .concat()
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect::<Vec<_>>()
    };
    for id in [app.client_id.as_str(), "nobody", ""] {
        let owned = with_id(id);
        let fields: Vec<(&str, &str)> = owned.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = send(None, token, &fields).await;
        expect_error(&answer, 401, "invalid_client");
        assert_eq!(answer.header("www-authenticate"), "");
    }
    send(Some(basic(&app.client_id, &secret)), token, &fields).await.expect(200);
    // Both parts of HTTP Basic are form-encoded (RFC 6749, section 2.3.1).
    let code = app.code(&browser).await;
    let fields = redemption(&code);
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    send(Some(basic(&encoded(&app.client_id), &encoded(&secret))), token, &fields).await.expect(200);
    // A public client has no secret.
    let code = public.code(&browser).await;
    let pretending = TestClient { secret: Some(secret.clone()), ..public.clone() };
    expect_error(&pretending.redeem(&client, &code).await, 401, "invalid_client");
    public.redeem(&client, &code).await.expect(200);
    // Both of two secrets are good, and a deleted one is not.
    let path = format!("/v1/admin/clients/{}/secrets", app.client_id);
    let second = admin(&world, "POST", &path, json!({})).await.expect(201);
    let rotated = TestClient { secret: Some(second.text("client_secret")), ..app.clone() };
    rotated.log_in(&browser).await;
    app.log_in(&browser).await;
    admin(&world, "DELETE", &format!("{path}/{}", second.text("id")), serde_json::Value::Null).await.expect(204);
    let code = app.code(&browser).await;
    expect_error(&rotated.redeem(&client, &code).await, 401, "invalid_client");
}

#[tokio::test]
async fn malformed_requests_get_the_errors_of_the_rfc() {
    let world = world().await;
    let client = Client::new(&world);
    let id = ("client_id", "local");
    for (fields, error) in [
        (vec![id], "invalid_request"),
        (vec![id, ("grant_type", "")], "invalid_request"),
        (vec![id, ("grant_type", "password"), ("username", "a"), ("password", "b")], "unsupported_grant_type"),
        (vec![id, ("grant_type", "client_credentials")], "unsupported_grant_type"),
        (vec![id, ("grant_type", "authorization_code")], "invalid_request"),
        (vec![id, ("grant_type", "refresh_token")], "invalid_request"),
        (vec![id, id, ("grant_type", "refresh_token"), ("refresh_token", "x")], "invalid_request"),
        (vec![id, ("grant_type", "refresh_token"), ("refresh_token", "x")], "invalid_grant"),
    ] {
        expect_error(&post_form(&client, "/oauth2/token", &fields).await, 400, error);
    }
    let body = b"grant_type=refresh_token".to_vec();
    for headers in
        [vec![("content-type", "application/json")], vec![], vec![("content-type", FORM), ("content-encoding", "gzip")]]
    {
        expect_error(&client.send("POST", "/oauth2/token", &headers, body.clone()).await, 400, "invalid_request");
    }
    let huge = format!("grant_type={}", "a".repeat(70_000)).into_bytes();
    expect_error(&client.send("POST", "/oauth2/token", &[("content-type", FORM)], huge).await, 400, "invalid_request");
}

#[tokio::test]
async fn a_refresh_token_has_one_successor_and_belongs_to_its_client() {
    let world = world().await;
    world.clock().freeze();
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let app = TestClient::create(&world, json!({})).await;
    let other = TestClient::create(&world, json!({})).await;
    let first = app.log_in(&browser).await;
    let token = first.text("refresh_token");
    // O7: another client's attempt is refused, and is no theft.
    expect_error(&other.refresh(&client, &token).await, 400, "invalid_grant");
    expect_error(&TestClient::local().refresh(&client, &token).await, 400, "invalid_grant");
    world.clock().advance(30);
    let second = app.refresh(&client, &token).await.expect(200);
    assert_ne!(second.text("refresh_token"), token);
    let (old, new) = (claims(&first.text("id_token")), claims(&second.text("id_token")));
    for same in ["sub", "aud", "iss", "sid", "auth_time", "amr"] {
        assert_eq!(old[same], new[same], "{same}");
    }
    assert!(new.get("nonce").is_none());
    // The answer was lost: the same successor.
    assert_eq!(app.refresh(&client, &token).await.expect(200).text("refresh_token"), second.text("refresh_token"));
    // Our own refresh tokens don't work here, and an app's not there.
    expect_error(&app.refresh(&client, &person.refresh_token).await, 400, "invalid_grant");
    let body = json!({ "refresh_token": second.text("refresh_token") });
    client.post("/v1/token/refresh", body).await.expect_problem(401, "invalid_token");
    // A copy ends the session, and its owner gets a mail.
    world.clock().advance(11);
    expect_error(&app.refresh(&client, &token).await, 400, "invalid_grant");
    expect_error(&app.refresh(&client, &second.text("refresh_token")).await, 400, "invalid_grant");
    assert_eq!(client.mail_for(ADDRESS).await.kind, "session_ended_for_reuse");
}

#[tokio::test]
async fn a_refresh_narrows_the_scope_and_never_widens_it() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let app =
        TestClient::create(&world, json!({ "scopes": ["openid", "email", "profile", "offline_access", "account"] }))
            .await;
    let app = TestClient { scope: "openid email offline_access".to_owned(), ..app };
    let tokens = app.log_in(&browser).await;
    let refresh = async |token: &str, scope: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        app.post(&client, "/oauth2/token", &fields).await
    };
    for wider in ["openid profile", "account", "openid email offline_access admin"] {
        expect_error(&refresh(&tokens.text("refresh_token"), wider).await, 400, "invalid_scope");
    }
    let narrow = refresh(&tokens.text("refresh_token"), "email").await.expect(200);
    assert_eq!((&narrow.body["scope"], narrow.body.get("id_token")), (&json!("email"), None));
    assert_eq!(claims(&narrow.text("access_token"))["scope"], "email");
    // The grant keeps its scopes.
    let whole = app.refresh(&client, &narrow.text("refresh_token")).await.expect(200);
    assert_eq!(whole.body["scope"], "openid email offline_access");
    // What the client has lost is gone, refresh tokens included, until it has it again.
    let path = format!("/v1/admin/clients/{}", app.client_id);
    let token = whole.text("refresh_token");
    admin(&world, "PATCH", &path, json!({ "scopes": ["openid", "email"] })).await.expect(200);
    expect_error(&app.refresh(&client, &token).await, 400, "invalid_grant");
    admin(&world, "PATCH", &path, json!({ "scopes": ["openid", "offline_access"] })).await.expect(200);
    assert_eq!(app.refresh(&client, &token).await.expect(200).body["scope"], "openid offline_access");
}

/// A suspicious login has proven nothing until its owner confirms it.
#[tokio::test]
async fn the_tokens_of_an_unconfirmed_login_have_no_time_of_authentication() {
    let mut options = tests::options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    let world = local::World::start(options).await.unwrap();
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let tokens = TestClient::create(&world, json!({})).await.log_in(&browser).await;
    for token in ["access_token", "id_token"] {
        assert_eq!(claims(&tokens.text(token))["auth_time"], 0, "{token}");
    }
}

#[tokio::test]
async fn a_clients_session_ends_with_the_account_and_not_with_the_browser() {
    let world = world().await;
    let (person, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let app = TestClient::create(&world, json!({})).await;
    let tokens = app.log_in(&browser).await;
    browser.post("/v1/logout", json!({})).await.expect(204);
    let tokens = app.refresh(&client, &tokens.text("refresh_token")).await.expect(200);
    client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await.expect(200);
    person.client.post("/v1/logout/all", json!({ "keep_current": true })).await.expect(200);
    expect_error(&app.refresh(&client, &tokens.text("refresh_token")).await, 400, "invalid_grant");
    // The user can end it alone.
    let browser = super::browser_of(&world, ADDRESS).await;
    let tokens = app.log_in(&browser).await;
    let id = claims(&tokens.text("access_token"))["sid"].as_str().unwrap().to_owned();
    browser.delete(&format!("/v1/sessions/{id}")).await.expect(204);
    expect_error(&client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await, 401, "invalid_token");
    // The client's deletion ends it too.
    let tokens = app.log_in(&browser).await;
    admin(&world, "DELETE", &format!("/v1/admin/clients/{}", app.client_id), serde_json::Value::Null).await.expect(204);
    expect_error(&app.refresh(&client, &tokens.text("refresh_token")).await, 401, "invalid_client");
    expect_error(&client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await, 401, "invalid_token");
    let listed = browser.get("/v1/sessions").await.expect(200);
    assert!(listed.body["sessions"].as_array().unwrap().iter().all(|session| session.get("client").is_none()));
}

#[tokio::test]
async fn without_offline_access_a_session_lasts_as_long_as_its_access_token() {
    let world = world().await;
    world.clock().freeze();
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({ "refresh_days": 2 })).await;
    let online = TestClient { scope: "openid".to_owned(), ..app.clone() };
    online.log_in(&browser).await;
    let tokens = app.log_in(&browser).await;
    let listed = async |browser: &Client| {
        let sessions = browser.get("/v1/sessions").await.expect(200);
        sessions.body["sessions"].as_array().unwrap().iter().filter(|session| session.get("client").is_some()).count()
    };
    assert_eq!(listed(&browser).await, 2);
    world.clock().advance(600);
    let browser = super::browser_of(&world, ADDRESS).await;
    assert_eq!(listed(&browser).await, 1);
    let client = browser.anonymous();
    world.clock().advance(86_400);
    let tokens = app.refresh(&client, &tokens.text("refresh_token")).await.expect(200);
    world.clock().advance(86_400);
    expect_error(&app.refresh(&client, &tokens.text("refresh_token")).await, 400, "invalid_grant");
}

/// O6: which tokens open the routes of `/v1`.
#[tokio::test]
async fn an_apps_token_opens_the_account_only_with_its_scope() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let client = browser.anonymous();
    let scopes = json!(["openid", "profile", "email", "offline_access", "account"]);
    let app = TestClient::create(&world, json!({ "scopes": scopes })).await;
    let tokens = app.log_in(&browser).await;
    client.with_token(&tokens.text("access_token")).get("/v1/me").await.expect(200);
    let plain = TestClient { scope: "openid profile offline_access".to_owned(), ..app.clone() };
    let tokens = plain.log_in(&browser).await;
    let with = |token: &str| client.with_token(&tokens.text(token));
    with("access_token").get("/v1/me").await.expect_problem(403, "forbidden");
    with("access_token").post("/v1/logout/all", json!({})).await.expect_problem(403, "forbidden");
    with("id_token").get("/v1/me").await.expect_problem(401, "invalid_token");
    with("refresh_token").get("/v1/me").await.expect_problem(401, "invalid_token");
    expect_error(&with("id_token").get("/oauth2/userinfo").await, 401, "invalid_token");
    let body = json!({ "refresh_token": tokens.text("refresh_token") });
    client.post("/v1/logout", body).await.expect_problem(403, "forbidden");
    // Another audience opens no route of ours.
    let api = TestClient::create(&world, json!({ "scopes": scopes, "audience": "https://api.example" })).await;
    let tokens = api.log_in(&browser).await;
    assert_eq!(claims(&tokens.text("access_token"))["aud"], "https://api.example");
    client.with_token(&tokens.text("access_token")).get("/v1/me").await.expect_problem(401, "invalid_token");
    client.with_token(&tokens.text("access_token")).get("/oauth2/userinfo").await.expect(200);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let code = |client: Client| async move {
        let person = scenarios::registered(&client).await;
        let browser = super::browser_of(&client.world, &person.email).await;
        (TestClient::local().code(&browser).await, browser)
    };
    let redemption_by_local =
        |code: &str| posting("/oauth2/token", form(&[&redemption(code)[..], &[("client_id", "local")]].concat()));
    vec![
        scenario("oauth-token", "by code").succeeds(200).spent(400, "invalid_grant").records("redeem_code").asks(
            move |client| async move {
                let (code, _) = code(client).await;
                redemption_by_local(&code)
            },
        ),
        scenario("oauth-token", "by refresh token").succeeds(200).records("refresh").asks(move |client| async move {
            let (code, browser) = code(client).await;
            let tokens = TestClient::local().redeem(&browser.anonymous(), &code).await.expect(200);
            let token = tokens.text("refresh_token");
            posting(
                "/oauth2/token",
                form(&[("grant_type", "refresh_token"), ("client_id", "local"), ("refresh_token", &token)]),
            )
        }),
        scenario("oauth-token", "second use of a code").succeeds(400).effect(revoked_sessions).asks(
            move |client| async move {
                let (code, browser) = code(client).await;
                TestClient::local().redeem(&browser.anonymous(), &code).await.expect(200);
                redemption_by_local(&code)
            },
        ),
        scenario("oauth-token", "another client's second use").succeeds(400).records_failure("redeem_code").asks(
            move |client| async move {
                let (code, browser) = code(client).await;
                TestClient::local().redeem(&browser.anonymous(), &code).await.expect(200);
                let other = TestClient::create(&browser.world, json!({})).await;
                let credentials =
                    [("client_id", &*other.client_id), ("client_secret", other.secret.as_deref().unwrap())];
                posting("/oauth2/token", form(&[&redemption(&code)[..], &credentials].concat()))
            },
        ),
        scenario("oauth-token", "another client's refresh token").succeeds(400).records_failure("refresh").asks(
            move |client| async move {
                let (code, browser) = code(client).await;
                let app = TestClient::local();
                let token = app.redeem(&browser.anonymous(), &code).await.expect(200).text("refresh_token");
                let other = TestClient::create(&browser.world, json!({ "type": "public" })).await;
                let fields =
                    [("grant_type", "refresh_token"), ("client_id", &*other.client_id), ("refresh_token", &token)];
                posting("/oauth2/token", form(&fields))
            },
        ),
        scenario("oauth-token", "one session too many")
            .parameter("SessionLimit", "1")
            .succeeds(200)
            .spent(400, "invalid_grant")
            .records("redeem_code")
            .asks(move |client| async move {
                let (code, _) = code(client).await;
                redemption_by_local(&code)
            }),
        scenario("oauth-token", "wrong verifier").succeeds(400).records_failure("redeem_code").asks(
            move |client| async move {
                let (code, _) = code(client).await;
                posting(
                    "/oauth2/token",
                    form(&[("grant_type", "authorization_code"), ("client_id", "local"), ("code", &code)]),
                )
            },
        ),
        scenario("oauth-token", "copied refresh token").succeeds(400).effect(revoked_sessions).asks(
            move |client| async move {
                let (code, browser) = code(client).await;
                let app = TestClient::local();
                let token = app.redeem(&browser.anonymous(), &code).await.expect(200).text("refresh_token");
                app.refresh(&browser.anonymous(), &token).await.expect(200);
                browser.world.clock().advance(60);
                posting(
                    "/oauth2/token",
                    form(&[("grant_type", "refresh_token"), ("client_id", "local"), ("refresh_token", &token)]),
                )
            },
        ),
    ]
}
