//! Requests to the token endpoint at the same time.

use std::collections::BTreeSet;

use futures::future::join_all;
use local::World;
use serde_json::json;
use tests::{Answer, Client, Person, events, options, thorough, world};

use super::{ADDRESS, TestClient, browser_of, expect_error, person_in_browser};

/// Sends 64 requests of an app at once.
async fn all_at_once(app: &TestClient, client: &Client, what: &'static str, secret: &str) -> Vec<Answer> {
    let tasks = (0..64).map(|_| {
        let (app, client, secret) = (app.clone(), client.clone(), secret.to_owned());
        tokio::spawn(async move {
            match what {
                "code" => app.redeem(&client, &secret).await,
                _ => app.refresh(&client, &secret).await,
            }
        })
    });
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_redemptions_of_a_code_one_succeeds_and_one_session_is_made() {
    // A round refuses 63 codes, which is more than the limit of a network allows.
    let mut options = options();
    options.parameters.insert("Limits".to_owned(), "refused-grants/network=10000/900".to_owned());
    options.parameters.insert("SessionLimit".to_owned(), "200".to_owned());
    let world = World::start(options).await.unwrap();
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    for round in 1..=if thorough::everything() { 100 } else { 3 } {
        let code = app.code(&browser).await;
        let answers = all_at_once(&app, &browser.anonymous(), "code", &code).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 400, 503].contains(status)), "{statuses:?}");
        let made = tests::sessions(&world).iter().filter(|item| item.get("client_id").is_some()).count();
        assert_eq!(made, round);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_refreshes_of_one_token_have_one_successor() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let app = TestClient::create(&world, json!({})).await;
    let client = browser.anonymous();
    let token = app.log_in(&browser).await.text("refresh_token");
    let answers = all_at_once(&app, &client, "token", &token).await;
    let successors: BTreeSet<String> =
        answers.iter().filter(|answer| answer.status == 200).map(|answer| answer.text("refresh_token")).collect();
    assert_eq!(successors.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    app.refresh(&client, successors.first().unwrap()).await.expect(200);
}

/// Two apps that redeem at the ceiling at once change the same account. Both codes are good.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn codes_redeemed_at_once_at_the_ceiling_of_sessions_all_work() {
    let mut options = tests::options();
    options.parameters.insert("SessionLimit".to_owned(), "10".to_owned());
    let world = World::start(options).await.unwrap();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    for _ in 0..9 {
        world.clock().advance(1);
        person.login().await;
    }
    let apps = [TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await];
    for _ in 0..5 {
        world.clock().advance(900);
        let browser = browser_of(&world, ADDRESS).await;
        let codes = [apps[0].code(&browser).await, apps[1].code(&browser).await];
        let redeem = |(app, code): (&TestClient, String)| {
            let (app, client) = (app.clone(), browser.anonymous());
            tokio::spawn(async move { app.redeem(&client, &code).await })
        };
        let tasks: Vec<_> = apps.iter().zip(codes).map(redeem).collect();
        for answer in join_all(tasks).await {
            answer.unwrap().expect(200);
        }
    }
    assert!(events(&world, "redeem_code").iter().all(|(outcome, _)| outcome == "success"));
}

/// The attempt of a wrong client spends a code. It never takes away what tells of a second use.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wrong_client_at_the_same_time_hides_no_second_use() {
    let world = world().await;
    let (_, browser) = person_in_browser(&world, ADDRESS).await;
    let (app, other) = (TestClient::create(&world, json!({})).await, TestClient::create(&world, json!({})).await);
    let mut second_uses = 0;
    for round in 0..16 {
        let code = app.code(&browser).await;
        let redeem = |app: &TestClient| {
            let (app, client, code) = (app.clone(), browser.anonymous(), code.clone());
            tokio::spawn(async move { app.redeem(&client, &code).await })
        };
        let first = redeem(&app);
        // At the same time at first, then with a head start that grows.
        tokio::time::sleep(std::time::Duration::from_millis(2 * round)).await;
        let wrong = redeem(&other);
        let (first, wrong) = (first.await.unwrap(), wrong.await.unwrap());
        assert_ne!(wrong.status, 200);
        if first.status == 200 {
            second_uses += 1;
            expect_error(&app.redeem(&browser.anonymous(), &code).await, 400, "invalid_grant");
            let bearer = browser.anonymous().with_token(&first.text("access_token"));
            expect_error(&bearer.get("/oauth2/userinfo").await, 401, "invalid_token");
        }
    }
    assert!(second_uses > 0, "the wrong client was always first");
}
