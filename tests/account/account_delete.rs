use local::{
    World,
    faults::{Kind, Rule, Service},
};
use serde_json::{Value, json};
use tests::{
    Answer, Client, Key, OTHER_PASSWORD, PASSWORD, Person, change_profile, events, everything_stored, strict_world,
    world,
};

use crate::{
    invariants::invariants,
    recovery::password_forgot::forgot,
    scenarios::{ADDRESS, Scenario, post, registered, scenario},
};

const PATH: &str = "/v1/account/delete";

async fn delete(person: &Person) -> Answer {
    person.client.post(PATH, json!({ "password": person.password })).await
}

/// Whether nothing of the only account is left, except marks of its mails and what expires.
pub(crate) fn is_gone(world: &World) -> bool {
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    world.scan("accounts").iter().all(|item| text(item, "sk").starts_with("MAILS#"))
        && world.scan("sessions").is_empty()
        && world.scan("user-keys").is_empty()
        && !world.scan("counters").iter().any(|item| text(item, "pk").starts_with("LOCK#"))
        && !world.scan("challenges").iter().any(|item| text(item, "kind") == "reauthentication")
}

/// A user with all that an account can have, and the access to it.
pub(crate) struct Rich {
    pub(crate) person: Person,
    pub(crate) key: Key,
    /// A pending login, the token of a reset link, and that of a link to disown a login.
    mfa_token: String,
    reset: String,
    disown: String,
    /// The body of a passkey's login that was not sent.
    assertion: Value,
}

/// Needs `SuspiciousLogin=step-up`.
pub(crate) async fn rich(client: &Client, address: &str) -> Rich {
    let person = Person::register(client, address).await;
    let profile = json!({ "name": "Ada Planted", "bio": "Planted bio", "picture": "https://planted.example/a.png", "username": "plantedname" });
    person.client.patch("/v1/me", profile).await.expect(200);
    let login = person.login_with(json!({ "device_name": "Planted phone" })).await.expect(200);
    let disown = client.link_token_for_kind(address, "new_login").await;
    let phone = person.after(&login);
    phone.client.post("/v1/reauthenticate", json!({})).await.expect(202);
    let wrong = json!({ "password": OTHER_PASSWORD });
    phone.client.post("/v1/reauthenticate", wrong.clone()).await;
    person.client.post("/v1/reauthenticate", wrong).await.expect(401);
    for session in [json!({}), json!({ "device_token": person.device_token })] {
        let body = json!({ "identifier": address, "password": OTHER_PASSWORD, "session": session });
        client.post("/v1/login", body).await.expect(401);
    }
    client.post("/v1/login", json!({ "identifier": "plantedname", "password": OTHER_PASSWORD })).await.expect(401);
    let mut key = Key::new();
    person.add_passkey(&mut key).await.expect(201);
    let app = person.enable_totp().await;
    let wrong = json!({ "code": app.wrong_code(&client.world) });
    person.client.post("/v1/mfa/totp/disable", wrong).await.expect(400);
    let reset = forgot(client, address).await;
    let mfa_token = person.first_factor().await;
    let code = app.wrong_code(&client.world);
    let body = json!({ "mfa_token": mfa_token, "method": "totp", "code": code });
    client.post("/v1/login/mfa", body).await.expect(400);
    let assertion = client.passkey_answer(&mut key, json!({})).await;
    client.world.settle().await;
    Rich { person, key, mfa_token, reset, disown, assertion }
}

async fn rich_world() -> World {
    let mut options = tests::options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    World::start(options).await.unwrap()
}

/// Lets everything after the first transaction of a deletion fail, as if the function were ended there.
pub(crate) async fn cut_off(world: &World, person: &Person) {
    let rule = Rule::new(Service::DynamoDb, Kind::Error).function("account-delete").action("TransactWriteItems");
    let rule = world.faults().arm(rule.nth(2).times(10_000));
    delete(person).await.expect(204);
    world.faults().disarm(rule);
    world.settle().await;
    assert!(!world.scan("sessions").is_empty());
}

#[tokio::test]
async fn nothing_of_an_account_is_left_and_its_names_are_free() {
    let world = rich_world().await;
    let mut client = Client::new(&world).at("203.0.113.77");
    client.user_agent = "PlantedBrowser/7.7".to_owned();
    let Rich { person, mut key, .. } = rich(&client, ADDRESS).await;
    assert!(delete(&person).await.expect(204).text.is_empty());
    world.settle().await;
    let mail = client.mail_for(ADDRESS).await;
    assert_eq!(mail.kind, "account_deleted");
    invariants(&world).unwrap();
    assert!(is_gone(&world));
    for table in world.tables() {
        for item in world.scan(&table).iter().filter(|item| item.to_string().contains(&person.id)) {
            let expires = item["sweep_at"]["N"].is_string() && ["challenges", "counters"].contains(&table.as_str());
            assert!(expires, "{table}: {item}");
        }
    }
    let stored = format!("{}{:?}", everything_stored(&world), world.dead_letters()).to_lowercase();
    for planted in
        [ADDRESS, "canary.person", "planted", "203.0.113.77", &person.session_id, &person.recovery_key, PASSWORD]
    {
        assert!(!stored.contains(&planted.to_lowercase()), "{planted}");
    }
    assert_eq!(events(&world, "delete_account"), [("success".to_owned(), "password".to_owned())]);

    // The same names, and the same passkey, are of another account.
    let again = Person::register(&client, ADDRESS).await;
    assert_ne!(again.id, person.id);
    let user = again.client.patch("/v1/me", json!({ "username": "plantedname" })).await.expect(200).body;
    assert_eq!((&user["name"], &user["mfa_enabled"], &user["passkeys"]), (&Value::Null, &json!(false), &json!(0)));
    again.add_passkey(&mut key).await.expect(201);
    let activity = again.client.get("/v1/activity?limit=100").await.expect(200);
    assert!(!activity.text.contains("delete_account"));
    world.invoke("cleanup", json!({})).await.unwrap();
    again.client.get("/v1/me").await.expect(200);
    assert!(!everything_stored(&world).contains("MAILS#"));
}

#[tokio::test]
async fn from_the_first_transaction_on_the_account_is_unknown() {
    let world = rich_world().await;
    let client = Client::new(&world);
    let Rich { person, mfa_token, reset, disown, assertion, .. } = rich(&client, ADDRESS).await;
    cut_off(&world, &person).await;
    let before = world.scan("accounts").len();
    invariants(&world).unwrap();
    for (method, path, body) in [
        ("GET", "/v1/me", json!(null)),
        ("GET", "/v1/sessions", json!(null)),
        ("GET", "/v1/devices", json!(null)),
        ("GET", "/v1/passkeys", json!(null)),
        ("GET", "/v1/activity", json!(null)),
        ("GET", "/v1/account/export", json!(null)),
        ("POST", "/v1/logout", json!({})),
        ("POST", "/v1/logout/all", json!({})),
        ("PATCH", "/v1/me", json!({ "name": "Eve" })),
        ("POST", "/v1/reauthenticate", json!({ "password": PASSWORD })),
        ("POST", "/v1/password/change", json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD })),
        ("POST", "/v1/mfa/totp", json!({})),
        ("POST", "/v1/account/deactivate", json!({})),
        (PATH, PATH, json!(null)),
    ] {
        let answer = match method {
            "GET" => person.client.get(path).await,
            "PATCH" => person.client.patch(path, body).await,
            "POST" => person.client.post(path, body).await,
            _ => delete(&person).await,
        };
        answer.expect_problem(401, "session_revoked");
    }
    person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
    let unknown = json!({ "identifier": "nobody@example.org", "password": PASSWORD });
    let unknown = client.post("/v1/login", unknown).await.expect_problem(401, "invalid_credentials");
    for identifier in [ADDRESS, "plantedname"] {
        let session = json!({ "device_token": person.device_token });
        let body = json!({ "identifier": identifier, "password": PASSWORD, "session": session });
        let answer = client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
        assert_eq!(answer.body["detail"], unknown.body["detail"]);
    }
    for (path, body) in [
        ("/v1/login/mfa", json!({ "mfa_token": mfa_token, "method": "totp", "code": "123456" })),
        ("/v1/login/passkey/verify", assertion),
        ("/v1/login/disown", json!({ "token": disown })),
        ("/v1/password/reset/check", json!({ "token": reset })),
        ("/v1/password/reset", json!({ "token": reset, "new_password": OTHER_PASSWORD })),
    ] {
        let answer = client.post(path, body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_code"), "{path}: {}", answer.text);
    }
    let introspected = client
        .signed(
            "POST",
            "/v1/token/introspect",
            "application/x-www-form-urlencoded",
            &format!("token={}", person.client.token.as_deref().unwrap()),
            local::SECRET_KEY,
        )
        .await;
    assert_eq!(introspected.expect(200).body["active"], false);
    client.post("/v1/password/forgot", json!({ "email": ADDRESS })).await.expect(202);
    assert_eq!(client.mail_for(ADDRESS).await.kind, "account_deleted");
    assert_eq!(world.scan("accounts").len(), before);

    // The names are free before the rest is deleted, and `cleanup` leaves the new account alone.
    let again = Person::register(&client, ADDRESS).await;
    again.client.patch("/v1/me", json!({ "username": "plantedname" })).await.expect(200);
    world.invoke("cleanup", json!({})).await.unwrap();
    again.client.get("/v1/me").await.expect(200);
    invariants(&world).unwrap();
    assert_eq!(tests::sessions(&world).len(), 1);
    assert_eq!(world.scan("user-keys").len(), 1);
    let accounts = world.scan("accounts");
    assert_eq!(accounts.len(), 3, "{accounts:?}");
}

#[tokio::test]
async fn wherever_a_deletion_is_cut_off_cleanup_finishes_it() {
    let world = rich_world().await;
    let person = rich(&Client::new(&world), ADDRESS).await.person;
    let state = tests::State::of(&world);
    for (function, first) in [("account-delete", false), ("cleanup", true)] {
        let mut nth = 0;
        loop {
            nth += 1;
            world.faults().clear();
            world.settle().await;
            state.restore(&world);
            if first {
                cut_off(&world, &person).await;
            }
            world.reset_calls();
            // The function is ended after its n-th call.
            let rule = |kind| Rule::new(Service::Any, kind).function(function);
            world.faults().arm(rule(Kind::LostAnswer).nth(nth));
            world.faults().arm(rule(Kind::Error).nth(nth + 1).times(10_000));
            let acknowledged = match function {
                "cleanup" => world.invoke("cleanup", json!({})).await.is_ok(),
                _ => delete(&person).await.status == 204,
            };
            let reached = world.calls().iter().filter(|call| call.function == function).count();
            world.faults().clear();
            world.settle().await;
            invariants(&world).unwrap();
            let deleted = !events(&world, "delete_account").is_empty();
            assert!(deleted || !acknowledged, "{function} was cut off at call {nth}");
            if !deleted {
                person.client.get("/v1/me").await.expect(200);
                delete(&person).await.expect(204);
            }
            world.invoke("cleanup", json!({})).await.unwrap();
            invariants(&world).unwrap();
            assert!(is_gone(&world), "{function} was cut off at call {nth}");
            assert!(world.scan("accounts").is_empty(), "{function} was cut off at call {nth}");
            if u64::try_from(reached).unwrap() < nth {
                break;
            }
        }
        assert!(nth > 5, "{function}: {nth}");
    }
}

#[tokio::test]
async fn thousands_of_sessions_are_left_to_cleanup() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let session = tests::sessions(&world).remove(0);
    for n in 0..2_000 {
        let mut more = session.clone();
        more["sk"] = json!({ "S": format!("SESSION#{n:043}") });
        let put = json!({ "TableName": world.table("sessions").unwrap().physical, "Item": more });
        world.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
    }
    world.reset_calls();
    delete(&person).await.expect(204);
    let calls = world.calls().into_iter().filter(|call| call.function == "account-delete").count();
    assert!(calls < 80, "{calls}");
    let left = tests::sessions(&world).len();
    assert!((1..2_000).contains(&left), "{left}");
    invariants(&world).unwrap();
    world.invoke("cleanup", json!({})).await.unwrap();
    assert!(is_gone(&world));
}

#[tokio::test]
async fn a_pending_mail_is_withdrawn_and_the_notice_is_sent() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let other = Person::register(&client, "max@example.org").await;
    let rule = world.faults().arm(Rule::new(Service::Ses, Kind::Error));
    for address in [ADDRESS, "max@example.org"] {
        client.post("/v1/password/forgot", json!({ "email": address })).await.expect(202);
    }
    delete(&person).await.expect(204);
    world.settle().await;
    assert_eq!(world.scan("outbox").len(), 3);
    world.faults().disarm(rule);
    world.clear_mail();
    let answer = world.invoke("cleanup", json!({})).await.unwrap();
    assert_eq!(answer, json!({ "deletions_finished": 0, "mails_tried_again": 2 }));
    world.settle().await;
    assert!(world.scan("outbox").is_empty());
    let mut kinds: Vec<String> = world.mail().into_iter().map(|mail| format!("{} {}", mail.kind, mail.to[0])).collect();
    kinds.sort();
    assert_eq!(kinds, [format!("account_deleted {ADDRESS}"), "password_forgot max@example.org".to_owned()]);
    other.refresh(&other.refresh_token).await.expect(200);
}

#[tokio::test]
async fn a_wrong_password_counts_as_one_at_reauthenticate_and_deletes_nothing() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let wrong = json!({ "password": OTHER_PASSWORD });
    for path in [PATH, "/v1/reauthenticate", PATH, "/v1/reauthenticate", PATH] {
        person.client.post(path, wrong.clone()).await.expect_problem(401, "invalid_credentials");
    }
    for path in [PATH, "/v1/reauthenticate"] {
        let right = json!({ "password": PASSWORD });
        let answer = person.client.post(path, right).await.expect_problem(429, "locked_out");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let refused = ("failure".to_owned(), "password".to_owned());
    assert_eq!(events(&world, "delete_account"), vec![refused; 4]);
    person.client.get("/v1/me").await.expect(200);
    world.clock().advance(1);
    delete(&person).await.expect(204);
    assert!(is_gone(&world));
}

#[tokio::test]
async fn a_session_deletes_within_the_limit_of_reauthentications() {
    let world = strict_world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for _ in 0..20 {
        person.client.post(PATH, json!({})).await.expect_problem(400, "invalid_request");
    }
    delete(&person).await.expect_problem(429, "rate_limited");
    person.client.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn the_password_is_required_and_an_account_without_one_leaves_it_out() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    for (body, field) in [
        (json!({}), "password"),
        (json!({ "password": null }), "password"),
        (json!({ "password": "" }), "password"),
        (json!({ "password": 7 }), "password"),
        (json!({ "password": [PASSWORD] }), "password"),
        (json!({ "password": "x".repeat(129) }), "password"),
        (json!({ "password": PASSWORD, "user_id": "x" }), "user_id"),
    ] {
        let answer = person.client.post(PATH, body.clone()).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), [field], "{body}");
    }
    client.post(PATH, json!({ "password": PASSWORD })).await.expect_problem(401, "invalid_token");
    change_profile(&world, |item| drop(item.as_object_mut().unwrap().remove("password")));
    for password in [PASSWORD, ""] {
        let answer = person.client.post(PATH, json!({ "password": password })).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["password"]);
    }
    // Like any other account, it needs a fresh proof.
    world.clock().advance(601);
    let person = person.after(&person.refresh(&person.refresh_token).await.expect(200));
    person.client.post(PATH, json!({})).await.expect_problem(403, "reauthentication_required");
    let asked = person.client.post("/v1/reauthenticate", json!({})).await.expect(202);
    let body = json!({ "challenge_id": asked.text("challenge_id"), "code": client.code_for(ADDRESS).await });
    person.client.post("/v1/reauthenticate", body).await.expect(200);
    person.client.post(PATH, json!({})).await.expect(204);
    assert!(is_gone(&world));
    assert_eq!(events(&world, "delete_account").last().unwrap(), &("success".to_owned(), "access_token".to_owned()));
}

#[tokio::test]
async fn a_deletion_deletes_no_other_account_and_comes_once() {
    let world = world().await;
    let client = Client::new(&world);
    let ada = Person::register(&client, ADDRESS).await;
    let max = Person::register(&client, "max@example.org").await;
    let max = max.login().await;
    let before = (world.scan("accounts").len(), tests::sessions(&world).len());
    delete(&ada).await.expect(204);
    delete(&ada).await.expect_problem(401, "session_revoked");
    max.client.get("/v1/me").await.expect(200);
    max.refresh(&max.refresh_token).await.expect(200);
    world.invoke("cleanup", json!({})).await.unwrap();
    assert_eq!((world.scan("accounts").len(), tests::sessions(&world).len()), (before.0 - 2, before.1 - 1));
    invariants(&world).unwrap();
}

#[tokio::test]
async fn an_account_stays_while_its_change_of_address_can_be_undone() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    super::email_change_verify::change(&person, ADDRESS, "new@example.org").await;
    for (password, status, code) in
        [("Wrong-5-harbour-lamp", 401, "invalid_credentials"), (PASSWORD, 409, "conflict"), (PASSWORD, 409, "conflict")]
    {
        let answer = person.client.post("/v1/account/delete", json!({ "password": password })).await;
        answer.expect_problem(status, code);
    }
    world.clock().advance(7 * 86_400);
    let person = Person { email: "new@example.org".to_owned(), ..person }.login().await;
    super::email_change::ask(&person, "third@example.org").await;
    person.client.post("/v1/account/delete", json!({ "password": PASSWORD })).await.expect(204);
    // Of the reservation of the first address, TTL takes care.
    let left = world.scan("accounts");
    assert!(left.iter().all(|item| item["pk"]["S"] == "DELETION" || item["sweep_at"].is_object()), "{left:?}");
    for free in [ADDRESS, "new@example.org", "third@example.org"] {
        Person::register(&client, free).await;
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let outline = |name| {
        scenario("account-delete", name)
            .succeeds(204)
            .spent(401, "session_revoked")
            .records("delete_account")
            .completes(|world, _| is_gone(world))
    };
    vec![
        outline("with a password")
            .asks(|client| async move { post(PATH, json!({ "password": PASSWORD })).by(&registered(&client).await) }),
        outline("of an account with everything").parameter("SuspiciousLogin", "step-up").asks(|client| async move {
            let person = rich(&client, ADDRESS).await.person;
            post(PATH, json!({ "password": PASSWORD })).by(&person)
        }),
    ]
}
