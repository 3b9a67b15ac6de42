use local::World;
use serde_json::json;
use tests::{
    Client, Person,
    provider::{PROVIDERS, agreed},
};

use crate::{
    providers::{browser_of, link, with_providers},
    scenarios::{Scenario, post, registered, scenario},
};

async fn world() -> World {
    World::start(with_providers(&[])).await.unwrap()
}

#[tokio::test]
async fn a_linked_identity_logs_in_and_the_owner_is_notified() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    let claims = json!({ "email": "other@example.org", "email_verified": true, "name": "Ada" });
    assert_eq!(link(&person, "idp", &claims).await.expect(302).header("location"), "/account/logins");
    world.settle().await;
    assert!(world.mail().iter().any(|mail| mail.kind == "identity_linked" && mail.to == [person.email.as_str()]));
    let listed = person.client.get("/v1/identities").await.expect(200).body["identities"].clone();
    assert_eq!((listed[0]["provider"].clone(), listed[0]["email"].clone()), (json!("idp"), json!("other@example.org")));
    let exported = person.login().await.client.get("/v1/account/export").await.expect(200);
    assert_eq!(exported.body["identities"], listed);
    let done = client.log_in_at("idp", &claims).await.expect(302);
    assert_eq!(client.after(&done).get("/v1/me").await.expect(200).body["id"], json!(person.id));
}

#[tokio::test]
async fn only_a_fresh_session_in_cookies_links_and_only_one_of_each_provider() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    person.client.post("/v1/identities/idp", json!({})).await.expect_problem(403, "forbidden");
    let browser = browser_of(&person).await;
    browser.post("/v1/identities/none", json!({})).await.expect_problem(404, "not_found");
    browser.post("/v1/identities/down", json!({})).await.expect_problem(503, "temporarily_unavailable");
    browser.post("/v1/identities/idp", json!({ "continue": "//x" })).await.expect_problem(400, "invalid_request");
    let without = Client { csrf_token: None, ..browser.clone() };
    without.post("/v1/identities/idp", json!({})).await.expect_problem(403, "csrf_failed");
    link(&person, "idp", &json!({})).await.expect(302);
    browser.post("/v1/identities/idp", json!({})).await.expect_problem(409, "conflict");
    world.clock().advance(601);
    let browser = browser.after(&browser.post("/v1/token/refresh", json!({})).await.expect(200));
    browser.post("/v1/identities/gitlab", json!({})).await.expect_problem(403, "reauthentication_required");
    let browser = browser_of(&person).await;
    browser.post("/v1/identities/gitlab", json!({})).await.expect(200);
}

#[tokio::test]
async fn an_identity_of_another_user_and_a_second_one_are_refused() {
    let world = world().await;
    let client = Client::new(&world);
    let ada = Person::register(&client, "ada@example.org").await;
    let max = Person::register(&client, "max@example.org").await;
    link(&ada, "idp", &json!({})).await.expect(302);
    let refused = link(&max, "idp", &json!({})).await.expect(302);
    assert_eq!(refused.header("location"), "/login?error=identity_in_use&continue=%2Faccount%2Flogins");
    assert_eq!(max.client.get("/v1/identities").await.expect(200).body, json!({ "identities": [] }));
    // Two tabs of one browser.
    let browser = browser_of(&max).await;
    let first = browser.post("/v1/identities/idp", json!({})).await.expect(200);
    let browser = browser.after(&first);
    let second = browser.post("/v1/identities/idp", json!({})).await.expect(200);
    for (asked, subject, expected) in
        [(&first, "one", "/account"), (&second, "two", "/login?error=already_linked&continue=%2Faccount")]
    {
        let answer = agreed(&world, &asked.text("authorization_url"), &json!({ "sub": subject }));
        assert_eq!(browser.come_back("idp", &answer).await.expect(302).header("location"), expected);
    }
}

#[tokio::test]
async fn the_answer_is_bound_to_the_session_that_asked() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), "ada@example.org").await;
    let browser = browser_of(&person).await;
    let asked = browser.post("/v1/identities/idp", json!({})).await.expect(200);
    let answer = agreed(&world, &asked.text("authorization_url"), &json!({}));
    let other_browser = person.client.anonymous();
    let refused = other_browser.come_back("idp", &answer).await.expect(302);
    assert_eq!(refused.header("location"), "/login?error=invalid_state&continue=%2Faccount");
    let browser = browser.after(&asked);
    browser.post("/v1/logout", json!({})).await.expect(204);
    let refused = browser.come_back("idp", &answer).await.expect(302);
    assert_eq!(refused.header("location"), "/login?error=invalid_state&continue=%2Faccount");
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let outline = |name: &'static str| scenario("identity-link", name).parameter("Providers", PROVIDERS);
    vec![
        outline("of another provider").succeeds(200).issues("provider_state").asks(|client| async move {
            let browser = browser_of(&registered(&client).await).await;
            post("/v1/identities/rotating", json!({ "continue": "/account" })).in_browser(&browser)
        }),
        outline("of a provider that is linked").succeeds(409).records_failure("link_identity").asks(
            |client| async move {
                let person = registered(&client).await;
                link(&person, "rotating", &json!({})).await.expect(302);
                let browser = browser_of(&person).await;
                post("/v1/identities/rotating", json!({})).in_browser(&browser)
            },
        ),
    ]
}
