//! The language of mails, and the catalogue of texts.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use local::Mail;
use serde_json::{Value, json};
use shared::{
    domain::language::Language,
    texts::{self, Piece},
};
use tests::{Answer, Client, OTHER_PASSWORD, PASSWORD, Person, world};

use crate::snapshots::{assert_snapshot, redacted};

const ADDRESS: &str = "ada@example.org";

/// The files that every language must have in full. Pages without their texts are in English.
const TRANSLATED: [&str; 1] = ["mails"];

async fn post(client: &Client, path: &str, language: &[(&str, &str)], body: &Value) -> Answer {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(language);
    client.send("POST", path, &headers, body.to_string().into_bytes()).await
}

/// The language of a mail, from its HTML.
fn tag(mail: &Mail) -> &str {
    mail.html.split_once("<html lang=\"").unwrap().1.split_once('"').unwrap().0
}

/// Registers with an `Accept-Language`.
async fn register(client: &Client, language: &str) -> Person {
    let language = [("accept-language", language)];
    let asked = post(client, "/v1/register", &language, &json!({ "email": ADDRESS, "password": PASSWORD })).await;
    let code = client.code_for(ADDRESS).await;
    let body = json!({ "registration_id": asked.expect(202).text("registration_id"), "code": code });
    let answer = post(client, "/v1/register/verify", &language, &body).await.expect(201);
    Person {
        client: client.with_token(&answer.text("access_token")),
        email: ADDRESS.to_owned(),
        password: PASSWORD.to_owned(),
        id: answer.body["user"]["id"].as_str().unwrap().to_owned(),
        session_id: answer.text("session_id"),
        refresh_token: answer.text("refresh_token"),
        recovery_key: answer.text("recovery_key"),
        device_token: answer.text("device_token"),
    }
}

#[tokio::test]
async fn a_registration_gets_a_mail_in_the_language_that_it_asks_for() {
    let world = world().await;
    let client = Client::new(&world);
    for (headers, expected) in [
        (vec![], "en"),
        (vec![("accept-language", "de")], "de"),
        (vec![("accept-language", "de-AT,de;q=0.9,en;q=0.5")], "de"),
        (vec![("accept-language", "en;q=0.1, fr-CA;q=0.2")], "fr"),
        (vec![("cookie", "__Host-language=ja"), ("accept-language", "de")], "ja"),
        (vec![("cookie", "__Host-language=tlh"), ("accept-language", "es")], "es"),
        (vec![("cookie", "__Host-language=ar")], "ar"),
        // Odd values change nothing.
        (vec![("accept-language", "*")], "en"),
        (vec![("accept-language", ";;q=x,,\u{fffd}")], "en"),
        (vec![("cookie", "__Host-language=../de"), ("accept-language", "tlh")], "en"),
        (vec![("cookie", "__Host-language=de; __Host-language=fr")], "en"),
        (vec![("cookie", "language=de")], "en"),
    ] {
        world.clock().advance(3600);
        let body = json!({ "email": ADDRESS, "password": PASSWORD });
        post(&client, "/v1/register", &headers, &body).await.expect(202);
        assert_eq!(tag(&client.mail_for(ADDRESS).await), expected, "{headers:?}");
    }
}

#[tokio::test]
async fn mails_that_anybody_can_cause_are_in_the_language_of_the_request() {
    let world = world().await;
    let client = Client::new(&world);
    register(&client, "de").await;
    for (path, kind) in [
        ("/v1/register", "already_registered"),
        ("/v1/login/email", "login_mail"),
        ("/v1/password/forgot", "password_forgot"),
    ] {
        for language in ["fr", "ar", "tlh"] {
            world.clock().advance(86_400);
            let headers = [("accept-language", language)];
            post(&client, path, &headers, &json!({ "email": ADDRESS })).await.expect(202);
            let mail = client.mail_for(ADDRESS).await;
            let expected = if language == "tlh" { "en" } else { language };
            assert_eq!((mail.kind.as_str(), tag(&mail)), (kind, expected));
        }
    }
}

#[tokio::test]
async fn a_thief_does_not_choose_the_language_of_alerts_and_notices() {
    let world = world().await;
    let client = Client::new(&world);
    let person = register(&client, "de").await;
    let thief = [("accept-language", "ja"), ("cookie", "__Host-language=ja")];
    // The first login alerts the owner. The second one would, if the first had changed the language.
    for _ in 0..2 {
        let login = post(&client.at("198.51.100.9"), "/v1/login", &thief, &person.credentials()).await.expect(200);
        let mail = client.mail_for(ADDRESS).await;
        assert_eq!((mail.kind.as_str(), tag(&mail)), ("new_login", "de"));
        assert!(mail.text.contains("Mit diesem Gerät hat sich bisher niemand"), "{}", mail.text);
        let session = client.with_token(&login.text("access_token"));
        for (current, new) in [(PASSWORD, OTHER_PASSWORD), (OTHER_PASSWORD, PASSWORD)] {
            let body = json!({ "current_password": current, "new_password": new });
            post(&session, "/v1/password/change", &thief, &body).await.expect(204);
            let mail = client.mail_for(ADDRESS).await;
            assert_eq!((mail.kind.as_str(), tag(&mail)), ("password_changed_in_session", "de"));
            assert!(mail.text.contains("Alle anderen Sitzungen sind beendet."), "{}", mail.text);
        }
    }
}

#[tokio::test]
async fn a_login_on_a_recognised_device_changes_the_language_of_the_account() {
    let world = world().await;
    let client = Client::new(&world);
    let person = register(&client, "de").await;
    let known = json!({ "device_token": person.device_token });
    let mut body = person.credentials();
    let language = async |person: &Person| {
        let export = person.client.get("/v1/account/export").await.expect(200);
        export.body["account"]["language"].as_str().unwrap().to_owned()
    };
    assert_eq!(language(&person).await, "de");
    // Without a device token the device is not recognised. Without a known language there is nothing to change.
    for (session, asked, expected) in [
        (json!({}), "fr", "de"),
        (known.clone(), "tlh", "de"),
        (known.clone(), "", "de"),
        (known.clone(), "fr", "fr"),
        (known, "en", "en"),
    ] {
        body["session"] = session;
        let login = post(&client, "/v1/login", &[("accept-language", asked)], &body).await.expect(200);
        assert_eq!(language(&person.after(&login)).await, expected, "{asked}");
        assert_eq!(tag(&client.mail_for(ADDRESS).await), expected, "the notice of the export");
    }
}

#[tokio::test]
async fn a_mail_of_each_language_reads_as_in_its_snapshot() {
    let world = world().await;
    let client = Client::new(&world);
    for language in &Language::ALL[1..] {
        world.clock().advance(3600);
        let headers = [("accept-language", language.tag)];
        post(&client, "/v1/register", &headers, &json!({ "email": ADDRESS })).await.expect(202);
        let mail = client.mail_for(ADDRESS).await;
        let code = mail.code().unwrap();
        let text = format!("{}\n\n{}\n\n{}\n", mail.subject, mail.text.trim_end(), mail.html.trim_end());
        assert_snapshot("languages", language.tag, &redacted(&text.replace(code, "[code]")));
    }
}

/// The texts of a file by their paths, with the places in each.
fn places(path: &Path) -> Option<BTreeMap<String, BTreeSet<String>>> {
    fn add(path: &str, value: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| add(&format!("{path}/{name}"), value, found))
            }
            Value::String(text) => {
                let places = texts::pieces(text).into_iter().filter_map(|piece| match piece {
                    Piece::Place(name) => Some(name.to_owned()),
                    Piece::Text(_) => None,
                });
                found.insert(path.to_owned(), places.collect());
            }
            other => panic!("{path} is no text: {other}"),
        }
    }
    let text = std::fs::read_to_string(path).ok()?;
    let mut found = BTreeMap::new();
    add("", &serde_json::from_str(&text).unwrap(), &mut found);
    Some(found)
}

#[test]
fn every_language_has_the_texts_and_places_of_english() {
    let folder = tests::repository("shared").join("web/texts");
    let files = std::fs::read_dir(folder.join("en")).unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<String> = files.map(|name| name.into_string().unwrap()).collect();
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for language in &Language::ALL[1..] {
        let own = std::fs::read_dir(folder.join(language.tag)).unwrap().map(|entry| entry.unwrap().file_name());
        wrong.extend(own.map(|name| name.into_string().unwrap()).filter(|name| !files.contains(name)));
        for file in &files {
            let english = places(&folder.join("en").join(file)).unwrap();
            let translated = places(&folder.join(language.tag).join(file)).unwrap_or_default();
            let at = |text: &str| format!("{}/{file}{text}", language.tag);
            missing.extend(english.keys().filter(|text| !translated.contains_key(*text)).map(|text| at(text)));
            let differs = translated.iter().filter(|(text, places)| english.get(*text) != Some(*places));
            wrong.extend(differs.map(|(text, _)| at(text)));
        }
    }
    assert!(wrong.is_empty(), "texts or places that English does not have: {wrong:#?}");
    let needed = |text: &&String| TRANSLATED.iter().any(|name| text.contains(&format!("/{name}.json")));
    let needed: Vec<&String> = missing.iter().filter(needed).collect();
    assert!(needed.is_empty(), "not translated: {needed:#?}");
    if !missing.is_empty() {
        println!("not translated yet: {missing:#?}");
    }
}
