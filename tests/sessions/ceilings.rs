//! Accounts with very many sessions and devices: what their requests read, and the ceilings.

use local::World;
use serde_json::{Value, json};
use tests::{Client, Person, devices, sessions, world};

const ADDRESS: &str = "ada@example.org";

fn put(world: &World, item: &Value) {
    let put = json!({ "TableName": world.table("sessions").unwrap().physical, "Item": item });
    world.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
}

/// Copies an item under other sort keys. `change` changes the copies. No request can decrypt one, because it is bound to its key.
fn copies(world: &World, item: &Value, prefix: &str, count: usize, change: impl Fn(usize, &mut Value)) {
    for n in 0..count {
        let mut copy = item.clone();
        let id = if prefix == "DEVICE#" { format!("{n:A<22}") } else { format!("{n:A<43}") };
        copy["sk"]["S"] = json!(format!("{prefix}{id}"));
        change(n, &mut copy);
        put(world, &copy);
    }
}

/// What a function read in a request.
async fn read_units(world: &World, function: &str, request: impl Future<Output = ()>) -> f64 {
    world.reset_costs();
    request.await;
    world.costs()[function].read_units
}

#[tokio::test]
async fn ten_thousand_sessions_make_no_request_dear() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let template = sessions(&world).remove(0);
    // Half of them have ended. The emergency actions must work whatever is stored.
    copies(&world, &template, "SESSION#", 10_000, |n, copy| {
        if n % 2 == 1 {
            copy["revoked_at"] = copy["created_at"].clone();
        }
    });
    let client = &person.client;
    // No page reads more than about 500 items, so a page among ended sessions may be empty.
    let path = format!("/v1/sessions?limit=1&cursor={}A", "A".repeat(42));
    let units = read_units(&world, "session-list", async {
        client.get(&path).await.expect(200);
    })
    .await;
    assert!(units < 250.0, "{units}");
    let other = person.login().await;
    let units = read_units(&world, "logout-all", async {
        let answer = client.post("/v1/logout/all", json!({ "keep_current": true })).await.expect(200);
        assert!(answer.body["revoked"].as_u64().unwrap() >= 499);
    })
    .await;
    assert!(units < 400.0, "{units}");
    other.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    client.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_list_of_sessions_among_many_ended_ones_comes_whole_in_pages() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let template = sessions(&world).remove(0);
    for _ in 0..10 {
        person.login().await;
    }
    copies(&world, &template, "SESSION#", 4000, |_, copy| copy["revoked_at"] = copy["created_at"].clone());
    let (mut seen, mut path) = (0, "/v1/sessions?limit=3".to_owned());
    for _ in 0..100 {
        let list = person.client.get(&path).await.expect(200);
        let page = list.body["sessions"].as_array().unwrap().len();
        assert!(page <= 3);
        seen += page;
        match list.body["next"].as_str() {
            Some(next) => path = format!("/v1/sessions?limit=3&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 11);
}

#[tokio::test]
async fn the_devices_come_in_pages() {
    let world = world().await;
    world.clock().freeze();
    let mut person = Person::register(&Client::new(&world), ADDRESS).await;
    for _ in 0..4 {
        world.clock().advance(1);
        person = person.login().await;
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/devices?limit=2".to_owned());
    for page in 0..3 {
        let list = person.client.get(&path).await.expect(200);
        let devices = list.body["devices"].as_array().unwrap();
        assert_eq!(devices.len(), if page == 2 { 1 } else { 2 });
        seen.extend(devices.iter().map(|device| device["id"].as_str().unwrap().to_owned()));
        match list.body["next"].as_str() {
            Some(next) => path = format!("/v1/devices?limit=2&cursor={next}"),
            None => assert_eq!(page, 2),
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    for query in ["limit=0", "limit=101", "cursor=x", "cursor=a%23b", "x=1"] {
        person.client.get(&format!("/v1/devices?{query}")).await.expect_problem(400, "invalid_request");
    }
    let all = person.client.get("/v1/devices").await.expect(200);
    assert!(all.body.get("next").is_none());
    let seen: Vec<&str> =
        all.body["devices"].as_array().unwrap().iter().map(|device| device["last_seen_at"].as_str().unwrap()).collect();
    assert!(seen.is_sorted_by(|one, other| one >= other));
}

#[tokio::test]
async fn the_longest_idle_sessions_and_devices_go_at_the_ceiling() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let session = sessions(&world).remove(0);
    let device = devices(&world).remove(0);
    world.clock().advance(60);
    let later = person.login().await.client;
    let fresh = sessions(&world).into_iter().find(|item| item["sk"] != session["sk"]).unwrap();
    let fresh_device = devices(&world).into_iter().find(|item| item["sk"] != device["sk"]).unwrap();
    copies(&world, &fresh, "SESSION#", 998, |_, _| {});
    copies(&world, &fresh_device, "DEVICE#", 498, |_, _| {});
    tests::change_profile(&world, |profile| {
        profile["session_bound"] = json!({ "N": "1000" });
        profile["device_bound"] = json!({ "N": "500" });
    });
    assert_eq!((sessions(&world).len(), devices(&world).len()), (1000, 500));
    world.clock().advance(60);
    let newest = person.login().await;
    // Twenty of each went, so that the next logins need no count. The first of each was idle longest.
    assert_eq!((sessions(&world).len(), devices(&world).len()), (981, 481));
    assert!(!sessions(&world).iter().any(|item| item["sk"] == session["sk"]));
    assert!(!devices(&world).iter().any(|item| item["sk"] == device["sk"]));
    person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    person.refresh(&person.refresh_token).await.expect_problem(401, "session_revoked");
    newest.client.get("/v1/me").await.expect(200);
    later.get("/v1/me").await.expect(200);
    assert_eq!(tests::events(&world, "revoke_session").len(), 20);
    // The bound is only an upper bound. After sessions ended, a count corrects it.
    newest.client.post("/v1/logout/all", json!({ "keep_current": true })).await.expect(200);
    tests::change_profile(&world, |profile| profile["session_bound"] = json!({ "N": "5000" }));
    person.login().await;
    assert_eq!(tests::profile(&world)["session_bound"]["N"], "2");
    person.login().await;
    assert_eq!(tests::profile(&world)["session_bound"]["N"], "3");
}

#[tokio::test]
async fn forgetting_a_device_ends_its_sessions_among_many() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let desk = person.login().await;
    let own = sessions(&world);
    let devices = desk.client.get("/v1/devices").await.expect(200);
    let devices = devices.body["devices"].as_array().unwrap();
    let other = devices.iter().find(|device| device["current"] == false).unwrap()["id"].as_str().unwrap().to_owned();
    let template = own.iter().find(|item| item["device_id"]["S"] == other.as_str()).unwrap();
    copies(&world, template, "SESSION#", 150, |_, _| {});
    desk.client.delete(&format!("/v1/devices/{other}")).await.expect(204);
    let left = sessions(&world).into_iter().filter(|item| item["revoked_at"].is_null()).count();
    assert_eq!(left, 1);
    desk.client.delete(&format!("/v1/devices/{other}")).await.expect_problem(404, "not_found");
}
