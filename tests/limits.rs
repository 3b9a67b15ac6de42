//! Limits as the deployment sets them, exact to the second, also when DynamoDB throttles; and the caps on mails.

use local::{
    Options, World,
    faults::{Kind, Rule, Service},
};
use serde_json::json;
use tests::{Client, OTHER_PASSWORD, PASSWORD, Person, events, options, strict_options, strict_world};

const ADDRESS: &str = "ada@example.org";

async fn world_with(limits: &str) -> World {
    let mut options = strict_options();
    options.parameters.insert("Limits".to_owned(), limits.to_owned());
    World::start(options).await.unwrap()
}

#[tokio::test]
async fn a_deployment_sets_single_limits() {
    let world = world_with("login/network=2/60, register/network=5/3600").await;
    world.clock().freeze();
    let client = Client::new(&world);
    let login = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD });
    for _ in 0..2 {
        client.post("/v1/login", login.clone()).await.expect_problem(401, "invalid_credentials");
    }
    let limited = client.post("/v1/login", login.clone()).await.expect_problem(429, "rate_limited");
    let wait: i64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    world.clock().advance(wait - 1);
    let limited = client.post("/v1/login", login.clone()).await.expect_problem(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), "1");
    world.clock().advance(1);
    client.post("/v1/login", login).await.expect_problem(401, "invalid_credentials");
    for n in 0..5 {
        let body = json!({ "username": format!("user{n}"), "password": PASSWORD });
        client.post("/v1/register", body).await.expect(201);
    }
    let body = json!({ "username": "user5", "password": PASSWORD });
    client.post("/v1/register", body).await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn a_wrong_configuration_does_not_start() {
    for limits in ["login/network", "logins=5/900", "login/network=0/900"] {
        let mut options = options();
        options.parameters.insert("Limits".to_owned(), limits.to_owned());
        assert!(World::start(options).await.is_err(), "{limits}");
    }
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_subscriber_are_one_network() {
    let world = strict_world().await;
    world.clock().freeze();
    let login = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD });
    for n in 0..5 {
        let client = Client::new(&world).at(&format!("2001:db8:1:2:{n}::{n}"));
        let body = json!({ "identifier": format!("n{n}@example.org"), "password": OTHER_PASSWORD });
        client.post("/v1/login", body).await.expect_problem(401, "invalid_credentials");
    }
    let same = Client::new(&world).at("2001:db8:1:2:ffff::");
    same.post("/v1/login", login.clone()).await.expect_problem(429, "rate_limited");
    let other = Client::new(&world).at("2001:db8:1:3::");
    other.post("/v1/login", login.clone()).await.expect_problem(401, "invalid_credentials");
    // An IPv4 address in IPv6 notation is the same address.
    for n in 0..5 {
        let body = json!({ "identifier": format!("m{n}@example.org"), "password": OTHER_PASSWORD });
        Client::new(&world).at("203.0.113.50").post("/v1/login", body).await;
    }
    Client::new(&world).at("::ffff:203.0.113.50").post("/v1/login", login).await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn no_header_moves_a_client_to_another_budget() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let body = json!({ "identifier": ADDRESS, "password": OTHER_PASSWORD }).to_string().into_bytes();
    for n in 0..7 {
        let address = format!("198.51.100.{n}");
        let viewer = format!("{address}:443");
        let forwarded = format!("for={address}");
        let headers = [
            ("content-type", "application/json"),
            ("x-forwarded-for", address.as_str()),
            ("x-real-ip", &address),
            ("true-client-ip", &address),
            ("cloudfront-viewer-address", &viewer),
            ("forwarded", &forwarded),
        ];
        let answer = client.send("POST", "/v1/login", &headers, body.clone()).await;
        assert_eq!(answer.status, if n < 5 { 401 } else { 429 }, "{n}");
    }
    let garbage = [("content-type", "application/json"), ("x-forwarded-for", "a"), ("cloudfront-viewer-address", "a")];
    client.send("POST", "/v1/login", &garbage, body).await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn a_throttled_counter_is_a_reached_limit_and_a_broken_one_an_outage() {
    let world = World::start(Options { retries: Some(Options::fast_retries(1)), ..options() }).await.unwrap();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for (kind, status, code) in [
        (Kind::Throttle, 429, "rate_limited"),
        (Kind::Error, 503, "temporarily_unavailable"),
        (Kind::Deny, 503, "temporarily_unavailable"),
    ] {
        let rule = Rule::new(Service::DynamoDb, kind).function("login").action("UpdateItem");
        let rule = world.faults().arm(rule);
        let answer = person.client.post("/v1/login", person.credentials()).await.expect_problem(status, code);
        assert_eq!(answer.header("retry-after"), "1");
        world.faults().disarm(rule);
    }
    assert_eq!(tests::sessions(&world).len(), 1);
    person.client.post("/v1/login", person.credentials()).await.expect(200);
}

#[tokio::test]
async fn mails_that_anyone_can_cause_are_capped_and_alerts_still_arrive() {
    let world = world_with("verification-mail/address=100/300,register/network=100/3600,mail/address=3/86400").await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for n in 0..6 {
        let client = Client::new(&world).at(&format!("198.51.100.{n}"));
        client.post("/v1/register", json!({ "email": ADDRESS })).await.expect(202);
    }
    world.settle().await;
    let count = |kind: &str| world.mail().iter().filter(|mail| mail.kind == kind).count();
    // Three of the six, and one of that hour. The others are recorded as not sent, and none is left in the outbox. The mail of the
    // registration itself is of another kind, which counts on its own.
    assert_eq!((count("verify_registration"), count("already_registered")), (1, 4));
    let capped = world.scan("audit").into_iter().filter(|item| item["reason"]["S"] == "capped").count();
    assert_eq!((capped, world.scan("outbox").len()), (2, 0));
    person.login().await;
    world.settle().await;
    assert_eq!(count("new_login"), 1);
    world.clock().advance(86_400);
    Client::new(&world).post("/v1/register", json!({ "email": ADDRESS })).await.expect(202);
    world.settle().await;
    assert_eq!(count("already_registered"), 5);
}

#[tokio::test]
async fn nobody_uses_up_the_mails_of_an_address() {
    let world = world_with("verification-mail/address=100/300,register/network=100/3600").await;
    world.clock().freeze();
    let ask = async |ip: &str| {
        let body = json!({ "email": "newcomer@example.org", "password": PASSWORD });
        Client::new(&world).at(ip).post("/v1/register", body).await.expect(202);
        world.settle().await;
        world.mail().len()
    };
    for _ in 0..24 {
        ask("198.51.100.1").await;
    }
    // Twenty, and the hourly one of networks that ask often.
    assert_eq!(ask("198.51.100.1").await, 21);
    // The hourly one of all others is still there.
    assert_eq!(ask("198.51.100.9").await, 22);
    assert_eq!(ask("198.51.100.10").await, 22);
    assert_eq!(ask("198.51.100.1").await, 22);
    // Each hour has both.
    world.clock().advance(3600);
    assert!(ask("198.51.100.1").await > 22);
}

#[tokio::test]
async fn one_host_bombs_no_mailbox_by_tags_and_by_the_networks_of_its_site() {
    let world = strict_world().await;
    world.clock().freeze();
    let mut accepted = 0;
    for n in 0..60 {
        let client = Client::new(&world).at(&format!("2001:db8:77:{n:x}::1"));
        let body = json!({ "email": format!("bombed+{n}@example.net") });
        let answer = client.post("/v1/register", body).await;
        assert!([202, 429].contains(&answer.status), "{}", answer.text);
        accepted += usize::from(answer.status == 202);
    }
    world.settle().await;
    // Ten times the limit of a /64, and the budget of the mailbox with the one mail of that hour.
    assert_eq!((accepted, world.mail().len()), (30, 21));
    // Another site and another mailbox are not affected.
    let body = json!({ "email": "other@example.net" });
    Client::new(&world).at("2001:db8:78::1").post("/v1/register", body).await.expect(202);
    world.settle().await;
    assert_eq!(world.mail().len(), 22);
}

#[tokio::test]
async fn one_network_does_not_use_up_the_limits_of_its_neighbours() {
    let world = strict_world().await;
    world.clock().freeze();
    let body = json!({ "identifier": "nobody@example.org", "password": OTHER_PASSWORD });
    for _ in 0..60 {
        Client::new(&world).at("2001:db8:5:1::1").post("/v1/login", body.clone()).await;
    }
    let other = json!({ "identifier": "other@example.org", "password": OTHER_PASSWORD });
    let answer = Client::new(&world).at("2001:db8:5:2::9").post("/v1/login", other).await;
    answer.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn further_mails_of_registrations_are_limited_by_network() {
    let world = strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let resend = |id: &str| json!({ "registration_id": id });
    let id = client.post("/v1/register", json!({ "email": ADDRESS })).await.expect(202).text("registration_id");
    for n in 0..10 {
        let guessed = resend(&format!("{n:043}"));
        client.post("/v1/register/resend", guessed).await.expect_problem(400, "invalid_code");
    }
    client.post("/v1/register/resend", resend(&id)).await.expect_problem(429, "rate_limited");
    client.at("198.51.100.9").post("/v1/register/resend", resend(&id)).await.expect(202);
}

#[tokio::test]
async fn the_mails_that_anybody_can_cause_have_a_limit_for_the_whole_deployment() {
    let world = world_with("mail/deployment=4/3600,register/network=100/3600,alert-mail/address=50/86400").await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for n in 0..6 {
        let body = json!({ "email": format!("p{n}@example.org") });
        Client::new(&world).post("/v1/register", body).await.expect(202);
    }
    world.settle().await;
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "verify_registration").count(), 4);
    // Mails to owners are not among them.
    person.login().await;
    assert_eq!(person.client.mail_for(ADDRESS).await.kind, "new_login");
    world.clock().advance(3600);
    Client::new(&world).post("/v1/register", json!({ "email": "later@example.org" })).await.expect(202);
    Client::new(&world).mail_for("later@example.org").await;
}

#[tokio::test]
async fn alerts_have_a_cap_of_their_own_and_a_login_works_without_its_alert() {
    let world = world_with("alert-mail/address=2/86400,login/network=100/900").await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for _ in 0..4 {
        person.login().await;
    }
    world.settle().await;
    // Two, and one of that hour.
    assert_eq!(world.mail().iter().filter(|mail| mail.kind == "new_login").count(), 3);
    assert_eq!(events(&world, "suspicious_login").len(), 4);
    // Mails about completed changes are not capped with them.
    let body = json!({ "token": person.client.link_token_for(ADDRESS).await });
    let token = person.client.post("/v1/login/disown", body).await.expect(200).text("reset_token");
    let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
    person.client.post("/v1/password/reset", body).await.expect(204);
    assert_eq!(person.client.mail_for(ADDRESS).await.kind, "password_changed");
}

#[tokio::test]
async fn a_mail_that_ses_takes_late_is_counted_once() {
    let world = world_with("mail/address=1/86400").await;
    let rule = Rule::new(Service::Ses, Kind::Error).times(3);
    world.faults().arm(rule);
    Client::new(&world).post("/v1/register", json!({ "email": ADDRESS })).await.expect(202);
    world.settle().await;
    world.invoke("cleanup", json!({})).await.unwrap();
    world.settle().await;
    assert_eq!((world.mail().len(), world.scan("outbox").len()), (1, 0));
}
