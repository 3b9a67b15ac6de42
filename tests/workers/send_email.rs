use local::{
    Options, World,
    faults::{Kind, Rule, Service},
};
use serde_json::{Value, json};
use tests::{Client, PASSWORD, everything_stored, options, world};

use super::leave_mail_in_outbox;
use crate::scenarios::{Act, Scenario, only_scenario};

const ADDRESS: &str = "ada@example.org";

#[tokio::test]
async fn a_mail_leaves_the_outbox_when_it_is_sent_and_an_event_is_recorded() {
    let world = world().await;
    let client = Client::new(&world);
    client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
    client.mail_for(ADDRESS).await;
    assert!(world.scan("outbox").is_empty());
    let events: Vec<_> = world.scan("audit").into_iter().filter(|item| item["event"]["S"] == "send_mail").collect();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["outcome"]["S"], "success");
}

#[tokio::test]
async fn a_mail_has_the_headers_that_keep_replies_and_threads_away() {
    let world = world().await;
    let client = Client::new(&world);
    let mut references = std::collections::BTreeSet::new();
    for _ in 0..2 {
        client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
        let mail = client.mail_for(ADDRESS).await;
        assert_eq!(mail.headers["Auto-Submitted"], "auto-generated");
        assert!(references.insert(mail.headers["X-Entity-Ref-ID"].clone()));
    }
}

#[tokio::test]
async fn a_mail_is_retried_until_ses_accepts_it() {
    let world = world().await;
    let client = Client::new(&world);
    world.faults().arm(Rule::new(Service::Ses, Kind::Throttle).times(5));
    let answer = client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
    let body = json!({ "registration_id": answer.text("registration_id"), "code": client.code_for(ADDRESS).await });
    client.post("/v1/register/verify", body).await.expect(201);
    assert_eq!(world.mail().len(), 1);
}

#[tokio::test]
async fn a_mail_that_was_given_up_is_sent_after_the_next_cleanup_if_still_valid() {
    let world = world().await;
    let client = Client::new(&world);
    let rule = world.faults().arm(Rule::new(Service::Ses, Kind::Error));
    client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
    world.settle().await;
    assert_eq!((world.mail().len(), world.dead_letters().len(), world.scan("outbox").len()), (0, 1, 1));
    world.faults().disarm(rule);
    assert_eq!(
        world.invoke("cleanup", json!({})).await.unwrap(),
        json!({ "deletions_finished": 0, "mails_tried_again": 1 })
    );
    client.mail_for(ADDRESS).await;
    assert!(world.scan("outbox").is_empty());
}

#[tokio::test]
async fn a_mail_to_an_unverified_address_is_kept_and_holds_up_no_other() {
    let world = World::start(Options { ses_sandbox: true, ..options() }).await.unwrap();
    let client = Client::new(&world);
    // The sender's domain is verified.
    for address in [ADDRESS, "ada@latchkey.example"] {
        client.post("/v1/register", json!({ "email": address, "password": PASSWORD })).await.expect(202);
    }
    client.mail_for("ada@latchkey.example").await;
    world.settle().await;
    assert_eq!((world.mail().len(), world.dead_letters().len(), world.scan("outbox").len()), (1, 1, 1));
    assert!(!everything_stored(&world).contains("rejected"));
    // Both in one batch, the unverified address first.
    let kept = world.scan("outbox").remove(0);
    let rule = world.faults().arm(Rule::new(Service::Ses, Kind::Error));
    client.post("/v1/register", json!({ "email": "bob@latchkey.example" })).await.expect(202);
    world.settle().await;
    world.faults().disarm(rule);
    let other = world.scan("outbox").into_iter().find(|mail| mail["pk"] != kept["pk"]).unwrap();
    let record = |number: &str, mail: &Value| json!({ "eventName": "INSERT", "dynamodb": { "SequenceNumber": number, "NewImage": mail } });
    let batch = json!({ "Records": [record("1", &kept), record("2", &other)] });
    let answer = world.invoke("send-email", batch).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] }));
    client.mail_for("bob@latchkey.example").await;
    assert_eq!(world.scan("outbox").len(), 1);
}

#[tokio::test]
async fn an_expired_mail_is_not_sent() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let rule = world.faults().arm(Rule::new(Service::Ses, Kind::Error));
    client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
    world.settle().await;
    world.faults().disarm(rule);
    let mail = &world.scan("outbox")[0];
    let record =
        json!({ "Records": [{ "eventName": "INSERT", "dynamodb": { "SequenceNumber": "1", "NewImage": mail } }] });
    world.clock().advance(3600);
    assert_eq!(world.invoke("send-email", record).await.unwrap(), json!({ "batchItemFailures": [] }));
    assert!(world.mail().is_empty() && world.scan("outbox").is_empty());
    assert!(everything_stored(&world).contains("expired"));
}

#[tokio::test]
async fn a_stream_record_that_comes_twice_is_one_mail() {
    let world = world().await;
    let client = Client::new(&world);
    let rule = world.faults().arm(Rule::new(Service::Ses, Kind::Error));
    client.post("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await.expect(202);
    world.settle().await;
    let mail = &world.scan("outbox")[0];
    world.faults().disarm(rule);
    let record =
        json!({ "Records": [{ "eventName": "INSERT", "dynamodb": { "SequenceNumber": "1", "NewImage": mail } }] });
    for _ in 0..3 {
        world.invoke("send-email", record.clone()).await.unwrap();
    }
    assert_eq!(world.mail().len(), 1);
}

#[tokio::test]
async fn a_mail_that_waits_for_its_retry_holds_up_few_others() {
    let options = Options { ses_sandbox: true, ..options() };
    options.clock.freeze();
    let world = World::start(options).await.unwrap();
    let client = Client::new(&world);
    // The first is kept for a retry, which never comes, because the clock is frozen. Each other mail shares its lane with
    // probability 1/10.
    let addresses =
        std::iter::once(ADDRESS.to_owned()).chain((0..6).map(|number| format!("ada{number}@latchkey.example")));
    for address in addresses {
        client.post("/v1/register", json!({ "email": address, "password": PASSWORD })).await.expect(202);
    }
    for _ in 0..500 {
        if world.mail().len() >= 2 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{} of 6 mails were sent", world.mail().len());
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("send-email").records("send_mail").asks(|client| async move {
        leave_mail_in_outbox(&client).await;
        Act::Stream
    })]
}
