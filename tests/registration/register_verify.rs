use serde_json::{Value, json};
use tests::{Client, OTHER_PASSWORD, PASSWORD, Person, world};

use crate::scenarios::{self, Scenario, post, registration, scenario};

const ADDRESS: &str = "ada@example.org";

async fn registered(client: &Client, body: Value) -> (String, String) {
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    (id, client.code_for(ADDRESS).await)
}

fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[tokio::test]
async fn the_code_makes_the_account_if_a_password_was_given() {
    let world = world().await;
    let client = Client::new(&world);
    let body = json!({ "email": "Ada@Example.org", "password": PASSWORD, "name": "Ada Lovelace", "username": "Ada" });
    let (id, code) = registered(&client, body).await;
    let body =
        json!({ "registration_id": id, "code": code, "session": { "remember_me": true, "device_name": "Desk" } });
    let answer = client.post("/v1/register/verify", body.clone()).await.expect(201);
    let user = &answer.body["user"];
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(ADDRESS), &json!(true)));
    assert_eq!((&user["name"], &user["username"]), (&json!("Ada Lovelace"), &json!("Ada")));
    assert_eq!((&user["status"], &user["roles"]), (&json!("active"), &json!([])));
    assert_eq!(answer.body["refresh_expires_in"], 30 * 86_400);
    assert_eq!(answer.text("recovery_key").len(), 39);
    client.with_token(&answer.text("access_token")).get("/v1/me").await.expect(200);
    // A spent code is refused, also to the client that spent it.
    client.post("/v1/register/verify", body).await.expect_problem(400, "invalid_code");
    for identifier in ["ada", "ADA@EXAMPLE.ORG"] {
        client.post("/v1/login", json!({ "identifier": identifier, "password": PASSWORD })).await.expect(200);
    }
}

#[tokio::test]
async fn five_wrong_guesses_end_a_challenge_and_a_resend_adds_none() {
    let world = world().await;
    let client = Client::new(&world);
    let (id, code) = registered(&client, json!({ "email": ADDRESS, "password": PASSWORD })).await;
    let guess =
        async |code: &str| client.post("/v1/register/verify", json!({ "registration_id": id, "code": code })).await;
    for _ in 0..3 {
        guess(&wrong(&code)).await.expect_problem(400, "invalid_code");
    }
    client.post("/v1/register/resend", json!({ "registration_id": id })).await.expect(202);
    let code = client.code_for(ADDRESS).await;
    for _ in 0..2 {
        guess(&wrong(&code)).await.expect_problem(400, "invalid_code");
    }
    guess(&code).await.expect_problem(400, "invalid_code");
    client.post("/v1/register/resend", json!({ "registration_id": id })).await.expect_problem(400, "invalid_code");
    assert!(world.scan("accounts").is_empty());
}

/// Makes thirty wrong guesses at six challenges of one address. Returns how many were compared.
async fn compared_over_many_challenges() -> usize {
    let world = tests::strict_world().await;
    world.clock().freeze();
    let mut compared = 0;
    for round in 0..6 {
        let client = Client::new(&world).at(&format!("198.51.100.{round}"));
        let answer = client.post("/v1/register", json!({ "email": ADDRESS })).await.expect(202);
        for _ in 0..5 {
            let body = json!({ "registration_id": answer.text("registration_id"), "code": "000000" });
            match client.post("/v1/register/verify", body).await.status {
                429 => {}
                _ => compared += 1,
            }
        }
        world.clock().advance(301);
    }
    compared
}

#[tokio::test]
async fn guesses_at_all_challenges_of_an_address_are_limited_together() {
    // A day's window may end within this half hour, but not twice in a row.
    let first = compared_over_many_challenges().await;
    assert!(first == 20 || compared_over_many_challenges().await == 20, "{first}");
}

#[tokio::test]
async fn a_code_is_valid_for_ten_minutes_and_a_link_for_an_hour() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let (id, code) = registered(&client, json!({ "email": ADDRESS, "password": PASSWORD })).await;
    let token = client.link_token_for(ADDRESS).await;
    world.clock().advance(600);
    let body = json!({ "registration_id": id, "code": code });
    client.post("/v1/register/verify", body).await.expect_problem(400, "invalid_code");
    world.clock().advance(2999);
    let (id2, code2) = registered(&client, json!({ "email": ADDRESS, "password": PASSWORD })).await;
    world.clock().advance(599);
    let body = json!({ "registration_id": id2, "code": code2 });
    client.post("/v1/register/verify", body).await.expect(201);
    // The first link's hour is over by now.
    client.post("/v1/register/verify", json!({ "token": token })).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_link_with_the_password_of_the_registration_makes_the_account() {
    let world = world().await;
    let client = Client::new(&world);
    registered(&client, json!({ "email": ADDRESS, "password": PASSWORD })).await;
    let token = client.link_token_for(ADDRESS).await;
    let body = |password: &str| json!({ "token": token, "password": password });
    client.post("/v1/register/verify", body(OTHER_PASSWORD)).await.expect_problem(401, "invalid_credentials");
    client.post("/v1/register/verify", body(PASSWORD)).await.expect(201);
    client.post("/v1/register/verify", body(PASSWORD)).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn a_link_alone_never_activates_a_password_of_somebody_else() {
    let world = world().await;
    let attacker = Client::new(&world);
    registered(&attacker, json!({ "email": ADDRESS, "password": OTHER_PASSWORD })).await;
    let owner = attacker.at("198.51.100.9");
    let token = owner.link_token_for(ADDRESS).await;
    let answer = owner.post("/v1/register/verify", json!({ "token": token })).await.expect(200);
    assert_eq!(answer.body["status"], "password_required");
    assert_eq!(answer.body.as_object().unwrap().len(), 3);
    let body = json!({ "registration_token": answer.text("registration_token"), "password": PASSWORD });
    owner.post("/v1/register/complete", body).await.expect(201);
    let login =
        async |password| attacker.post("/v1/login", json!({ "identifier": ADDRESS, "password": password })).await;
    login(OTHER_PASSWORD).await.expect_problem(401, "invalid_credentials");
    login(PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_code_works_only_for_its_registration() {
    let world = world().await;
    let client = Client::new(&world);
    let (_, code) = registered(&client, json!({ "email": ADDRESS, "password": PASSWORD })).await;
    let other =
        client.post("/v1/register", json!({ "email": "eve@example.org", "password": PASSWORD })).await.expect(202);
    let body = json!({ "registration_id": other.text("registration_id"), "code": code });
    client.post("/v1/register/verify", body).await.expect_problem(400, "invalid_code");
    // A token with the id of one challenge and the secret of another opens neither.
    let one = client.link_token_for(ADDRESS).await;
    let two = client.link_token_for("eve@example.org").await;
    let mixed = format!("{}.{}", one.split_once('.').unwrap().0, two.split_once('.').unwrap().1);
    for token in [mixed.as_str(), ".", "a.b", &one[1..], &format!("{one}.x")] {
        client.post("/v1/register/verify", json!({ "token": token })).await.expect_problem(400, "invalid_code");
    }
}

#[tokio::test]
async fn a_username_that_was_taken_meanwhile_is_a_conflict_and_spends_nothing() {
    let world = world().await;
    let client = Client::new(&world);
    let (id, code) =
        registered(&client, json!({ "email": ADDRESS, "password": PASSWORD, "username": "countess" })).await;
    client.post("/v1/register", json!({ "username": "Countess", "password": PASSWORD })).await.expect(201);
    let body = json!({ "registration_id": id, "code": code });
    for _ in 0..7 {
        client.post("/v1/register/verify", body.clone()).await.expect_problem(409, "conflict");
    }
    assert_eq!(world.scan("user-keys").len(), 1);
}

#[tokio::test]
async fn two_registrations_of_one_address_end_in_one_account() {
    let world = world().await;
    let client = Client::new(&world);
    let (first, first_code) = registered(&client, json!({ "email": ADDRESS, "password": OTHER_PASSWORD })).await;
    let (second, second_code) = registered(&client, json!({ "email": ADDRESS, "password": PASSWORD })).await;
    let verify =
        async |id, code| client.post("/v1/register/verify", json!({ "registration_id": id, "code": code })).await;
    verify(second, second_code).await.expect(201);
    verify(first, first_code).await.expect_problem(409, "conflict");
    client.post("/v1/login", json!({ "identifier": ADDRESS, "password": PASSWORD })).await.expect(200);
}

#[tokio::test]
async fn cookies_are_refused_without_a_csrf_token_and_nothing_is_spent() {
    let world = world().await;
    let client = Client::new(&world);
    let (id, code) = registered(&client, json!({ "email": ADDRESS, "password": PASSWORD })).await;
    let body = json!({ "registration_id": id, "code": code, "session": { "transport": "cookie" } });
    let answer = client.post("/v1/register/verify", body).await.expect_problem(403, "csrf_failed");
    assert!(answer.headers.get("set-cookie").is_none());
    client.post("/v1/register/verify", json!({ "registration_id": id, "code": code })).await.expect(201);
    let person = Person::register(&client, "eve@example.org").await;
    let mut body = person.credentials();
    body["session"] = json!({ "transport": "cookie" });
    client.post("/v1/login", body).await.expect_problem(403, "csrf_failed");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("register-verify", "by code, with a password")
            .succeeds(201)
            .spent(400, "invalid_code")
            .records("create_account")
            .asks(|client| async move {
                let body = json!({ "email": scenarios::ADDRESS, "password": PASSWORD, "username": "canaryname" });
                let id = registration(&client, body).await;
                post(
                    "/v1/register/verify",
                    json!({ "registration_id": id, "code": client.code_for(scenarios::ADDRESS).await }),
                )
            }),
        scenario("register-verify", "by link, without a password")
            .succeeds(200)
            .spent(400, "invalid_code")
            .records("verify_email")
            .asks(|client| async move {
                registration(&client, json!({ "email": scenarios::ADDRESS, "username": "canaryname" })).await;
                post("/v1/register/verify", json!({ "token": client.link_token_for(scenarios::ADDRESS).await }))
            }),
    ]
}
