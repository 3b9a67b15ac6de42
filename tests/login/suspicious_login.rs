use local::{Options, World};
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
    person.client.stranger().send("POST", "/v1/login", &headers, body.to_string().into_bytes()).await
}

async fn alerts(world: &World) -> usize {
    world.settle().await;
    world.mail().iter().filter(|mail| mail.kind == "new_login").count()
}

#[tokio::test]
async fn a_new_device_is_told_to_its_owner_and_a_known_one_is_not() {
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
    for told in ["Firefox on Windows 10", "DE (203.0.0.0)", "/login-disown#token="] {
        assert!(mail.text.contains(told), "{told} in {}", mail.text);
    }
    login_at(&browser, &BERLIN, json!({ "device_token": token })).await.expect(200);
    assert_eq!((alerts(&world).await, events(&world, "suspicious_login").len()), (1, 1));
}

#[tokio::test]
async fn a_new_country_and_a_travel_that_nobody_makes_are_noticed_on_a_known_device_too() {
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
    let methods: Vec<String> = events(&world, "suspicious_login").into_iter().map(|(_, method)| method).collect();
    assert_eq!(methods, ["impossible_travel", "new_country"]);
    assert_eq!(alerts(&world).await, 2);
}

#[tokio::test]
async fn a_client_does_not_choose_its_place() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let known = json!({ "device_token": person.device_token });
    login_at(&person, &BERLIN, known.clone()).await.expect(200);
    // CloudFront's headers from somebody who doesn't know the origin's secret.
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
    // And garbage in them, from somebody who does.
    for garbage in ["NaN", "1e400", "-91", "52.5.1", "%ff", ""] {
        let place = [("x-local-country", garbage), ("x-local-latitude", garbage), ("x-local-longitude", garbage)];
        login_at(&person, &place, known.clone()).await.expect(200);
    }
    assert!(events(&world, "suspicious_login").is_empty());
}

#[tokio::test]
async fn an_account_without_an_address_is_written_down_and_not_mailed() {
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
async fn where_the_deployment_asks_for_it_a_mailed_code_must_confirm_the_session() {
    let mut options = options();
    options.parameters.insert("SuspiciousLogin".to_owned(), "step-up".to_owned());
    let world = World::start(Options { ..options }).await.unwrap();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let thief = person.login().await;
    assert_eq!(tests::claims(thief.client.token.as_deref().unwrap())["auth_time"], 0);
    // What whoever has the password can do isn't enough: a code is mailed, whatever is tried.
    let body = json!({ "password": person.password });
    thief.client.post("/v1/reauthenticate", body).await.expect(202);
    let id = thief.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
    let refreshed = thief.refresh(&thief.refresh_token).await.expect(200);
    assert_eq!(tests::claims(&refreshed.text("access_token"))["auth_time"], 0);
    let code = thief.client.code_for(ADDRESS).await;
    let body = json!({ "challenge_id": id, "code": code });
    let proven = thief.client.post("/v1/reauthenticate", body).await.expect(200);
    assert!(tests::claims(&proven.text("access_token"))["auth_time"].as_i64().unwrap() > 0);
    let known = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
    assert!(tests::claims(&known.text("access_token"))["auth_time"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn places_come_from_a_city_database_where_nothing_else_tells_them() {
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
    assert_eq!(events(&world, "suspicious_login"), [("success".to_owned(), "impossible_travel".to_owned())]);
    let nowhere = Person { client: person.client.at("192.0.2.1"), ..person.clone() };
    nowhere.login_with(json!({ "device_token": person.device_token })).await.expect(200);
    assert_eq!(events(&world, "suspicious_login").len(), 1);
}
