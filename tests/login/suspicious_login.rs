use local::World;
use serde_json::{Value, json};
use tests::{Answer, Client, Person, events, options, world};

const ADDRESS: &str = "ada@example.org";

const BERLIN: [(&str, &str); 3] =
    [("x-local-country", "DE"), ("x-local-latitude", "52.52"), ("x-local-longitude", "13.405")];
const NEW_YORK: [(&str, &str); 3] =
    [("x-local-country", "US"), ("x-local-latitude", "40.71"), ("x-local-longitude", "-74.0")];

async fn login_at(person: &Person, place: &[(&str, &str)], session: Value) -> Answer {
    let mut body = person.credentials();
    body["session"] = session;
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(place);
    person.client.anonymous().send("POST", "/v1/login", &headers, body.to_string().into_bytes()).await
}

async fn alerts(world: &World) -> usize {
    world.settle().await;
    world.mail().iter().filter(|mail| mail.kind == "new_login").count()
}

#[tokio::test]
async fn the_owner_gets_a_mail_about_a_new_device_and_none_about_a_recognised_one() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    assert_eq!((alerts(&world).await, events(&world, "suspicious_login").len()), (0, 0));
    let mut browser = person.clone();
    browser.client.user_agent =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0".to_owned();
    let token = login_at(&browser, &BERLIN, json!({})).await.expect(200).text("device_token");
    assert_eq!(events(&world, "suspicious_login"), [("success".to_owned(), "new_device".to_owned())]);
    let mail = person.client.mail_for(ADDRESS).await;
    assert_eq!(mail.kind, "new_login");
    for expected in ["Firefox on Windows", "DE (203.0.0.0)", "/login-disown#token="] {
        assert!(mail.text.contains(expected), "{expected} in {}", mail.text);
    }
    login_at(&browser, &BERLIN, json!({ "device_token": token })).await.expect(200);
    assert_eq!((alerts(&world).await, events(&world, "suspicious_login").len()), (1, 1));
}

#[tokio::test]
async fn a_new_country_and_impossible_travel_count_on_a_recognised_device_too() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let known = json!({ "device_token": person.device_token });
    login_at(&person, &BERLIN, known.clone()).await.expect(200);
    assert!(events(&world, "suspicious_login").is_empty());
    world.clock().advance(3600);
    login_at(&person, &NEW_YORK, known.clone()).await.expect(200);
    world.clock().advance(86_400);
    login_at(&person, &[("x-local-country", "FR")], known.clone()).await.expect(200);
    world.clock().advance(86_400);
    for place in [&NEW_YORK[..1], &BERLIN[..1], &[]] {
        login_at(&person, place, known.clone()).await.expect(200);
    }
    let mut methods: Vec<String> = events(&world, "suspicious_login").into_iter().map(|(_, method)| method).collect();
    methods.sort();
    // The first login is suspicious for two reasons, and one mail has both.
    assert_eq!(methods, ["impossible_travel", "new_country", "new_country"]);
    assert_eq!(alerts(&world).await, 2);
}

#[tokio::test]
async fn with_mfa_the_first_factor_alerts_the_owner_and_the_second_does_not_again() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    world.clock().advance(3600);
    let first_factor = async |session: Value| person.login_with(session).await.expect(200);
    // The owner's own device causes none.
    let login = first_factor(json!({ "device_token": person.device_token })).await;
    assert_eq!((login.body["status"].as_str(), alerts(&world).await), (Some("mfa_required"), 0));
    // A client that only verifies the password causes one.
    let token = first_factor(json!({})).await.text("mfa_token");
    assert_eq!(alerts(&world).await, 1);
    let mail = client.mail_for(ADDRESS).await;
    assert!(mail.text.contains("The second factor was not entered yet."), "{}", mail.text);
    let body = json!({ "mfa_token": token, "method": "totp", "code": app.code(&world) });
    client.post("/v1/login/mfa", body).await.expect(200);
    assert_eq!((alerts(&world).await, events(&world, "suspicious_login").len()), (1, 1));
    // Its link leads to another password.
    first_factor(json!({})).await;
    let link = client.link_token_for(ADDRESS).await;
    let token = client.post("/v1/login/disown", json!({ "token": link })).await.expect(200).text("reset_token");
    let body = json!({ "token": token, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    // The second factor stays the owner's.
    let body = json!({ "identifier": ADDRESS, "password": tests::OTHER_PASSWORD });
    assert_eq!(client.post("/v1/login", body).await.expect(200).body["status"], "mfa_required");
}

#[tokio::test]
async fn a_client_cannot_choose_its_location() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let known = json!({ "device_token": person.device_token });
    login_at(&person, &BERLIN, known.clone()).await.expect(200);
    // CloudFront's headers from a client that does not know the origin secret.
    for secret in ["", "x"] {
        let forged = [
            ("cloudfront-viewer-country", "US"),
            ("cloudfront-viewer-latitude", "40.7"),
            ("cloudfront-viewer-longitude", "-74"),
            ("cloudfront-viewer-address", "1.2.3.4:5"),
            ("x-origin-secret", secret),
        ];
        login_at(&person, &forged, known.clone()).await.expect(200);
    }
    // Garbled headers from a client that knows it.
    for garbage in ["NaN", "1e400", "-91", "52.5.1", "%ff", ""] {
        let place = [("x-local-country", garbage), ("x-local-latitude", garbage), ("x-local-longitude", garbage)];
        login_at(&person, &place, known.clone()).await.expect(200);
    }
    assert!(events(&world, "suspicious_login").is_empty());
}

#[tokio::test]
async fn a_suspicious_login_without_an_address_is_recorded_and_not_mailed() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "username": "grace", "password": tests::PASSWORD });
    client.post("/v1/register", body.clone()).await.expect(201);
    let body = json!({ "identifier": "grace", "password": tests::PASSWORD });
    client.post("/v1/login", body).await.expect(200);
    assert_eq!((events(&world, "suspicious_login").len(), alerts(&world).await), (1, 0));
    assert!(world.scan("challenges").is_empty());
}

#[tokio::test]
async fn in_step_up_mode_a_mailed_code_must_confirm_the_session() {
    let world = step_up_world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let thief = person.login().await;
    assert_eq!(auth_time(thief.client.token.as_deref().unwrap()), 0);
    // The password is not enough: a code is mailed for each kind of proof.
    let body = json!({ "password": person.password });
    thief.client.post("/v1/reauthenticate", body).await.expect(202);
    let id = thief.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
    let refreshed = thief.refresh(&thief.refresh_token).await.expect(200);
    assert_eq!(auth_time(&refreshed.text("access_token")), 0);
    let code = thief.client.code_for(ADDRESS).await;
    let body = json!({ "challenge_id": id, "code": code });
    let proven = thief.client.post("/v1/reauthenticate", body).await.expect(200);
    assert!(auth_time(&proven.text("access_token")) > 0);
    for known in [&person, &thief] {
        let answer = person.login_with(json!({ "device_token": known.device_token })).await.expect(200);
        assert!(auth_time(&answer.text("access_token")) > 0);
    }
}

async fn step_up_world() -> World {
    let mut options = options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    World::start(options).await.unwrap()
}

fn auth_time(token: &str) -> i64 {
    tests::claims(token)["auth_time"].as_i64().unwrap()
}

#[tokio::test]
async fn an_unconfirmed_login_makes_no_later_login_less_suspicious() {
    let world = step_up_world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let known = json!({ "device_token": person.device_token });
    login_at(&person, &BERLIN, known.clone()).await.expect(200);
    // The thief comes again from the same location, with the device token of the first login …
    let first = login_at(&person, &NEW_YORK, json!({})).await.expect(200);
    let token = first.text("device_token");
    for _ in 0..2 {
        let again = login_at(&person, &NEW_YORK, json!({ "device_token": token })).await.expect(200);
        assert_eq!(auth_time(&again.text("access_token")), 0);
        assert!(again.body.get("device_token").is_some());
    }
    // … or with a copy of the owner's.
    for _ in 0..2 {
        let copied = login_at(&person, &NEW_YORK, known.clone()).await.expect(200);
        assert_eq!(auth_time(&copied.text("access_token")), 0);
    }
    // The owner, who has confirmed the location, is not asked again.
    let session = login_at(&person, &NEW_YORK, known.clone()).await.expect(200);
    let owner = person.after(&session);
    let id = owner.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
    let body = json!({ "challenge_id": id, "code": owner.client.code_for(ADDRESS).await });
    owner.client.post("/v1/reauthenticate", body).await.expect(200);
    let answer = login_at(&person, &NEW_YORK, known).await.expect(200);
    assert!(auth_time(&answer.text("access_token")) > 0);
    // The devices of the thief's logins are listed, so that the owner can forget them.
    let devices = owner.client.get("/v1/devices").await.expect(200);
    assert_eq!(devices.body["devices"].as_array().unwrap().len(), 4, "{}", devices.text);
}

#[tokio::test]
async fn an_unconfirmed_session_changes_nothing_of_the_owner() {
    let world = step_up_world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let thief = person.login().await;
    let devices = thief.client.get("/v1/devices").await.expect(200);
    for device in devices.body["devices"].as_array().unwrap() {
        let path = format!("/v1/devices/{}", device["id"].as_str().unwrap());
        thief.client.delete(&path).await.expect_problem(403, "reauthentication_required");
        let body = json!({ "name": "x" });
        thief.client.patch(&path, body).await.expect_problem(403, "reauthentication_required");
    }
    thief.client.post("/v1/logout/all", json!({})).await.expect_problem(403, "reauthentication_required");
    let path = format!("/v1/sessions/{}", person.session_id);
    thief.client.delete(&path).await.expect_problem(403, "reauthentication_required");
    person.client.get("/v1/me").await.expect(200);
    // It may end its own session.
    thief.client.delete(&format!("/v1/sessions/{}", thief.session_id)).await.expect(204);
    thief.client.get("/v1/me").await.expect_problem(401, "session_revoked");
}

#[tokio::test]
async fn a_password_reset_restores_the_budgets_that_a_thief_used_up() {
    let mut options = tests::strict_options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    let limits =
        "alert-mail/address=3/86400,code-mail/address=2/86400,code-guesses/account=2/86400,login/network=100/900";
    options.parameters.insert("Limits".to_owned(), limits.to_owned());
    let world = World::start(options).await.unwrap();
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    person.login().await;
    let link = client.link_token_for(ADDRESS).await;
    for _ in 0..3 {
        let thief = person.login().await;
        let id = thief.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
        thief.client.post("/v1/reauthenticate", json!({ "challenge_id": id, "code": "000000" })).await;
    }
    let reset = client.post("/v1/login/disown", json!({ "token": link })).await.expect(200).text("reset_token");
    let body = json!({ "token": reset, "new_password": tests::OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    let owner = Person { password: tests::OTHER_PASSWORD.to_owned(), ..person }.login().await;
    assert_eq!(client.mail_for(ADDRESS).await.kind, "new_login");
    let id = owner.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
    let body = json!({ "challenge_id": id, "code": client.code_for(ADDRESS).await });
    owner.client.post("/v1/reauthenticate", body).await.expect(200);
}

#[tokio::test]
async fn locations_come_from_a_city_database_if_no_header_has_them() {
    let mut options = options();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/places.mmdb");
    options.environment.insert("GEO_DATABASE".to_owned(), file.to_owned());
    let world = World::start(options).await.unwrap();
    let person = Person::register(&Client::new(&world).at("203.0.113.7"), ADDRESS).await;
    let list = person.client.get("/v1/sessions").await.expect(200);
    assert_eq!(
        list.body["sessions"][0]["location"],
        json!({ "country": "DE", "region": "Land Berlin", "city": "Berlin" })
    );
    let moved = Person { client: person.client.at("2001:db8::7"), ..person.clone() };
    moved.login_with(json!({ "device_token": person.device_token })).await.expect(200);
    let mut methods: Vec<String> = events(&world, "suspicious_login").into_iter().map(|(_, method)| method).collect();
    methods.sort();
    assert_eq!(methods, ["impossible_travel", "new_country"]);
    let nowhere = Person { client: person.client.at("192.0.2.1"), ..person.clone() };
    nowhere.login_with(json!({ "device_token": person.device_token })).await.expect(200);
    assert_eq!(events(&world, "suspicious_login").len(), 2);
}
