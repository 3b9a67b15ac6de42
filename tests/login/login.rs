use serde_json::json;
use tests::{Client, OTHER_PASSWORD, PASSWORD, Person, options, strict_world, world};

use crate::scenarios::{self, Scenario, post, registered, scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn a_login_returns_tokens_and_the_user() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let answer = person.client.post("/v1/login", person.credentials()).await.expect(200);
    assert_eq!((&answer.body["status"], &answer.body["token_type"]), (&json!("authenticated"), &json!("Bearer")));
    assert_eq!((&answer.body["expires_in"], &answer.body["refresh_expires_in"]), (&json!(600), &json!(7 * 86_400)));
    assert!(answer.body.get("recovery_key").is_none());
    let user = answer.body["user"].as_object().unwrap();
    let mut names: Vec<&str> = user.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "bio",
            "created_at",
            "email",
            "email_verified",
            "has_password",
            "id",
            "last_login_at",
            "mfa_enabled",
            "name",
            "passkeys",
            "picture",
            "roles",
            "status",
            "username"
        ]
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_ne!(answer.text("session_id"), person.session_id);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_identifier_get_the_same_answer_and_work() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await.login().await;
    // The first failure of the network, which starts a window.
    client.post("/v1/login", json!({ "identifier": "somebody", "password": OTHER_PASSWORD })).await.expect(401);
    world.settle().await;
    let mut seen = Vec::new();
    for identifier in [ADDRESS, "nobody@example.org", "nobody", "ada.l"] {
        world.reset_calls();
        let body = json!({ "identifier": identifier, "password": OTHER_PASSWORD });
        let answer = client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
        let mut problem = answer.body.clone();
        problem["request_id"] = json!("");
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        let mut calls: Vec<_> = world.calls().into_iter().map(|call| (call.action, call.tables)).collect();
        calls.iter_mut().for_each(|(_, tables)| tables.sort_unstable());
        seen.push((problem, names, calls));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
}

#[tokio::test]
async fn known_and_unknown_accounts_lock_alike_under_each_form_of_the_identifier() {
    let world = strict_world().await;
    world.clock().freeze();
    let register = Client::new(&world).at("198.51.100.1");
    let body = json!({ "email": ADDRESS, "password": tests::PASSWORD, "username": "ada" });
    let id = register.post("/v1/register", body).await.expect(202).text("registration_id");
    let body = json!({ "registration_id": id, "code": register.code_for(ADDRESS).await });
    register.post("/v1/register/verify", body).await.expect(201);
    for identifiers in [
        [ADDRESS, "Ada@EXAMPLE.org"],
        ["ada", "ADA"],
        ["nobody@example.org", "Nobody@Example.org"],
        ["nobody", "Nobody"],
    ] {
        let mut statuses = Vec::new();
        for n in 0..7 {
            let client = Client::new(&world).at(&format!("203.0.113.{n}"));
            let body = json!({ "identifier": identifiers[n % 2], "password": OTHER_PASSWORD });
            let answer = client.post("/v1/login", body).await;
            statuses.push((answer.status, answer.header("retry-after").to_owned()));
        }
        let refused = (401, String::new());
        let mut expected = vec![refused; 5];
        expected.extend([(429, "1".to_owned()), (429, "1".to_owned())]);
        assert_eq!(statuses, expected, "{identifiers:?}");
    }
}

#[tokio::test]
async fn the_wait_doubles_with_each_failure_and_is_exact_to_the_second() {
    let world = strict_world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    world.clock().freeze();
    let client = |n: u32| Client::new(&world).at(&format!("2001:db8:0:{n:x}::1"));
    let wrong = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD });
    for n in 0..5 {
        client(n).post("/v1/login", wrong.clone()).await.expect_problem(401, "invalid_credentials");
    }
    for (n, wait) in [(10u32, 1i64), (20, 2), (30, 4), (40, 8)] {
        let locked = client(n).post("/v1/login", wrong.clone()).await.expect_problem(429, "locked_out");
        assert_eq!(locked.header("retry-after"), wait.to_string());
        world.clock().advance(wait - 1);
        // The right password is not compared before the time is over.
        client(n + 1).post("/v1/login", person.credentials()).await.expect_problem(429, "locked_out");
        world.clock().advance(1);
        client(n + 2).post("/v1/login", wrong.clone()).await.expect_problem(401, "invalid_credentials");
    }
    world.clock().advance(16);
    // A success refunds its own attempt, and no failure of others.
    client(50).post("/v1/login", person.credentials()).await.expect(200);
    client(51).post("/v1/login", wrong.clone()).await.expect_problem(401, "invalid_credentials");
    let locked = client(52).post("/v1/login", wrong).await.expect_problem(429, "locked_out");
    assert_eq!(locked.header("retry-after"), "32");
}

#[tokio::test]
async fn successes_use_up_no_attempts() {
    let world = strict_world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for n in 0..12 {
        let client = Client::new(&world).at(&format!("198.51.100.{n}"));
        client.post("/v1/login", person.credentials()).await.expect(200);
    }
}

#[tokio::test]
async fn a_network_has_five_logins_in_fifteen_minutes() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    for n in 0..5 {
        let body = json!({ "identifier": format!("a{n}@example.org"), "password": OTHER_PASSWORD });
        client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
    }
    let body = json!({ "identifier": "b@example.org", "password": OTHER_PASSWORD });
    let limited = client.post("/v1/login", body.clone()).await.expect_problem(429, "rate_limited");
    world.clock().advance(limited.header("retry-after").parse().unwrap());
    client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn passwords_are_compared_whole_and_exactly() {
    let world = world().await;
    let client = Client::new(&world);
    for (n, length) in [72usize, 73, 128].into_iter().enumerate() {
        let password: String = "Gr8-tulip-Wagon ünïcode 😀 ".chars().cycle().take(length).collect();
        let body = json!({ "username": format!("user{n}"), "password": password });
        client.post("/v1/register", body).await.expect(201);
        let login = async |password: &str| {
            client.post("/v1/login", json!({ "identifier": format!("user{n}"), "password": password })).await
        };
        login(&password).await.expect(200);
        let shorter: String = password.chars().take(length - 1).collect();
        login(&shorter).await.expect_problem(401, "invalid_credentials");
        login(&password.to_lowercase()).await.expect_problem(401, "invalid_credentials");
        let longer = format!("{password}x");
        let expected = if length == 128 { (400, "invalid_request") } else { (401, "invalid_credentials") };
        login(&longer).await.expect_problem(expected.0, expected.1);
    }
}

#[tokio::test]
async fn a_login_renews_a_hash_with_other_parameters() {
    let data = std::env::temp_dir().join(format!("latchkey-rehash-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&data);
    let start = async |cost: &str| {
        let mut options = local::Options { data: local::Data::Directory(data.clone()), ..options() };
        options.environment.insert("PASSWORD_COST".to_owned(), cost.to_owned());
        local::World::start(options).await.unwrap()
    };
    let world = start("12288,3,1").await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    assert!(tests::everything_stored(&world).contains("m=12288,t=3,p=1"));
    drop(person.client);
    drop(world);
    let world = start("19456,2,1").await;
    let client = Client::new(&world);
    let body = json!({ "identifier": ADDRESS, "password": tests::PASSWORD });
    client.post("/v1/login", body.clone()).await.expect(200);
    let accounts: String = world.scan("accounts").iter().map(ToString::to_string).collect();
    assert!(accounts.contains("m=19456,t=2,p=1") && !accounts.contains("m=12288"), "{accounts}");
    client.post("/v1/login", body).await.expect(200);
    std::fs::remove_dir_all(&data).unwrap();
}

#[tokio::test]
async fn an_owner_who_mistypes_and_then_succeeds_never_waits() {
    let world = strict_world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    world.clock().freeze();
    let wrong = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD });
    for round in 0..3 {
        let client = |n: u32| Client::new(&world).at(&format!("2001:db8:{round:x}:{n:x}::1"));
        for n in 0..4 {
            client(n).post("/v1/login", wrong.clone()).await.expect_problem(401, "invalid_credentials");
        }
        for n in 4..8 {
            client(n).post("/v1/login", person.credentials()).await.expect(200);
        }
        // A day later the failures have expired. The logins in between did not prolong them.
        world.clock().advance(86_400);
    }
}

#[tokio::test]
async fn a_banned_user_learns_of_the_ban_only_with_the_right_password() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let mut profile = world.scan("accounts").into_iter().find(|item| item["sk"]["S"] == "PROFILE").unwrap();
    profile["account_status"] = json!({ "S": "banned" });
    let put = json!({ "TableName": world.table("accounts").unwrap().physical, "Item": profile });
    world.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
    for n in 0..8 {
        let client = Client::new(&world).at(&format!("198.51.100.{n}"));
        client.post("/v1/login", person.credentials()).await.expect_problem(403, "account_banned");
    }
    let body = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD });
    Client::new(&world).post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
    assert_eq!(tests::sessions(&world).len(), 1);
}

/// Fails a number of times, each when no wait is left.
async fn fail(world: &local::World, times: u32) {
    for _ in 0..times {
        world.clock().advance(900);
        let client = Client::new(world).at("198.51.100.200");
        let body = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD });
        client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn fifty_failures_in_a_row_close_a_form_of_the_identifier_at_any_pace() {
    let world = strict_world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    fail(&world, 25).await;
    world.clock().advance(2 * 86_400);
    fail(&world, 24).await;
    world.clock().advance(900);
    person.client.post("/v1/login", person.credentials()).await.expect(200);
    // That success ended the run, so that it takes another fifty.
    fail(&world, 50).await;
    for days in [0, 1, 30, 200] {
        world.clock().advance(900 + days * 86_400);
        person.client.post("/v1/login", person.credentials()).await.expect_problem(429, "locked_out");
        world.sweep_ttl().await.unwrap();
    }
}

/// Registers an account with an address and a username.
async fn with_both_identifiers(world: &local::World) -> Client {
    let client = Client::new(world);
    let body = json!({ "email": ADDRESS, "username": "publicname", "password": PASSWORD });
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    let code = client.code_for(ADDRESS).await;
    client.post("/v1/register/verify", json!({ "registration_id": id, "code": code })).await.expect(201);
    client
}

#[tokio::test]
async fn a_lock_reveals_neither_the_account_of_an_address_nor_its_registration() {
    let world = strict_world().await;
    world.clock().freeze();
    with_both_identifiers(&world).await;
    let mut network = 0;
    let mut wrong = async |identifier: &str| {
        network += 1;
        let client = Client::new(&world).at(&format!("10.0.{}.{}", network / 250, network % 250));
        client.post("/v1/login", json!({ "identifier": identifier, "password": OTHER_PASSWORD })).await.status
    };
    // Failures at the username lock the username alone.
    for _ in 0..5 {
        assert_eq!(wrong("publicname").await, 401);
    }
    assert_eq!(wrong("publicname").await, 429);
    assert_eq!((wrong(ADDRESS).await, wrong("nobody@example.org").await), (401, 401));
    // A lock of an address survives its registration.
    for identifier in ["future@example.org", "never@example.org"] {
        for _ in 0..6 {
            wrong(identifier).await;
            world.clock().advance(2);
        }
    }
    Person::register(&Client::new(&world).at("198.51.100.77"), "future@example.org").await;
    world.clock().advance(3600);
    let probe = [wrong("future@example.org").await, wrong("future@example.org").await];
    assert_eq!(probe, [wrong("never@example.org").await, wrong("never@example.org").await]);
}

#[tokio::test]
async fn fifty_failures_disable_one_form_of_the_identifier_and_a_reset_enables_both() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = with_both_identifiers(&world).await;
    client
        .at("198.51.100.5")
        .post("/v1/login", json!({ "identifier": ADDRESS, "password": PASSWORD }))
        .await
        .expect(200);
    let link = client.link_token_for(ADDRESS).await;
    let try_password = async |identifier: &str, password: &str| {
        world.clock().advance(901);
        client.post("/v1/login", json!({ "identifier": identifier, "password": password })).await
    };
    for identifier in [ADDRESS, "publicname"] {
        for _ in 0..50 {
            try_password(identifier, OTHER_PASSWORD).await.expect_problem(401, "invalid_credentials");
        }
        try_password(identifier, PASSWORD).await.expect_problem(429, "locked_out");
        world.clock().advance(86_400);
        try_password(identifier, PASSWORD).await.expect_problem(429, "locked_out");
    }
    let token = client.post("/v1/login/disown", json!({ "token": link })).await.expect(200).text("reset_token");
    let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
    client.post("/v1/password/reset", body).await.expect(204);
    for identifier in [ADDRESS, "publicname"] {
        try_password(identifier, OTHER_PASSWORD).await.expect(200);
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("login", "right password").succeeds(200).records("login").asks(|client| async move {
            let person = registered(&client).await;
            post("/v1/login", person.credentials())
        }),
        scenario("login", "wrong password").succeeds(401).records_failure("login").asks(|client| async move {
            let person = registered(&client).await;
            post("/v1/login", json!({ "identifier": person.email, "password": OTHER_PASSWORD }))
        }),
        scenario("login", "known device").succeeds(200).records("login").asks(|client| async move {
            let person = registered(&client).await;
            let mut body = person.credentials();
            body["session"] = json!({ "device_token": person.device_token });
            post("/v1/login", body)
        }),
        scenario("login", "known device, elsewhere")
            .parameter("SuspiciousLogin", "step-up")
            .succeeds(200)
            .records("login")
            .asks(|client| async move {
                let person = registered(&client).await;
                let mut body = person.credentials();
                body["session"] = json!({ "device_token": person.device_token });
                // A login from one country, so that the next is from another.
                let headers = [("content-type", "application/json"), ("x-local-country", "DE")];
                client.send("POST", "/v1/login", &headers, body.to_string().into_bytes()).await.expect(200);
                post("/v1/login", body).in_country("FR")
            }),
        scenario("login", "one session too many").parameter("SessionLimit", "1").succeeds(200).records("login").asks(
            |client| async move {
                let person = registered(&client).await;
                post("/v1/login", person.credentials())
            },
        ),
        scenario("login", "asking for a second factor").succeeds(200).issues("second_factor").asks(
            |client| async move {
                let person = registered(&client).await;
                person.enable_totp().await;
                post("/v1/login", person.credentials())
            },
        ),
        scenario("login", "with a captcha")
            .parameter("Captcha", "always")
            .parameter("CaptchaCost", "1000")
            .succeeds(200)
            .spent(403, "captcha_failed")
            .records("login")
            .asks(|client| async move {
                let person = registered(&client).await;
                let mut body = person.credentials();
                body["captcha"] = client.solved_captcha().await.into();
                post("/v1/login", body)
            }),
        scenario("login", "without the captcha that it needs").parameter("LimitFactor", "1").succeeds(403).asks(
            |client| async move {
                let wrong = json!({ "identifier": scenarios::ADDRESS, "password": OTHER_PASSWORD });
                for _ in 0..3 {
                    client.post("/v1/login", wrong.clone()).await.expect(401);
                }
                post("/v1/login", wrong)
            },
        ),
        scenario("login", "while the captcha's provider is down")
            .parameter("Captcha", "always")
            .parameter("CaptchaProvider", "turnstile")
            .parameter("CaptchaSiteKey", "site-key")
            .parameter("CaptchaSecret", "captcha-secret")
            .succeeds(401)
            .records_failure("login")
            .asks(|_| async move {
                let captcha = "status|503";
                let body = json!({ "identifier": scenarios::ADDRESS, "password": OTHER_PASSWORD, "captcha": captcha });
                post("/v1/login", body)
            }),
        scenario("login", "asking for a mailed code")
            .parameter("UnknownDeviceCode", "true")
            .succeeds(200)
            .issues("second_factor")
            .asks(|client| async move {
                let person = registered(&client).await;
                post("/v1/login", person.credentials())
            }),
    ]
}
