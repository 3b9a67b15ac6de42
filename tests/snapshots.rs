//! Snapshots of answers and mails, so that a change of one is a diff in review. Ids, tokens, codes and times are replaced by their kind.
//! After a wanted change, run these tests with `INSTA_UPDATE=always` and review the files under tests/snapshots.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

use local::Mail;
use regex_lite::{Captures, Regex};
use serde_json::json;
use tests::{Answer, Client, PASSWORD, Person, world};

use crate::tour::visits;

/// Headers of every answer. platform/headers.rs checks them.
const COMMON_HEADERS: [&str; 10] = [
    "apigw-requestid",
    "content-length",
    "content-security-policy",
    "cross-origin-resource-policy",
    "referrer-policy",
    "strict-transport-security",
    "vary",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];

/// Patterns of texts that differ from run to run, and their replacements.
const VOLATILE: [(&str, &str); 10] = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
    (r"\d{1,2} \w+ \d{4}(,| at) \d\d:\d\d", "[time]"),
    (r#""(auth_time|exp|iat|nbf|updated_at)": \d+"#, r#""$1": "[time]""#),
    // A second may pass between the login and the answer.
    (r#""refresh_expires_in": 604799"#, r#""refresh_expires_in": 604800"#),
    (r"(secret|token|reset|state|nonce|code_challenge|[?&]code)=[\w.-]+", "$1=[$1]"),
    // An entity tag.
    (r#"^"[\w-]{43}"$"#, r#""[tag]""#),
    (r"Max-Age=604799", "Max-Age=604800"),
    (r"(__(?:Host|Secure)-[a-z-]+)=[^;]+", "$1=[value]"),
    (r#""(\w{4}-){4,}\w{4}""#, r#""[backup code]""#),
    // The ids of credentials, in lists.
    (r#"(?m)^(\s+)"[\w-]{22}"(,?)$"#, r#"$1"[id]"$2"#),
];

/// JSON strings that differ from run to run, by their names.
const VOLATILE_NAMES: [&str; 15] = [
    "id",
    "jti",
    "kid",
    "key",
    "n",
    "next",
    "x",
    "y",
    "challenge",
    "qr_code",
    "salt",
    "secret",
    "sid",
    "signature",
    "sub",
];

pub(crate) fn redacted(text: &str) -> String {
    let strings = Regex::new(r#""(\w+)": "([^"]*)""#).unwrap();
    let text = strings.replace_all(text, |found: &Captures<'_>| {
        let (name, value) = (&found[1], &found[2]);
        let volatile = VOLATILE_NAMES.contains(&name)
            || ["_id", "_token", "_key", "_secret"].iter().any(|ending| name.ends_with(ending));
        // A domain, such as the id of the relying party, stays.
        if volatile && value != "localhost" { format!(r#""{name}": "[{name}]""#) } else { found[0].to_owned() }
    });
    VOLATILE.iter().fold(text.into_owned(), |text, (pattern, name)| {
        Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned()
    })
}

fn described(title: &str, answer: &Answer) -> String {
    let mut text = format!("== {title}: {}\n", answer.status);
    for (name, value) in &answer.headers {
        if !COMMON_HEADERS.contains(&name.as_str()) {
            writeln!(text, "{name}: {}", redacted(value.to_str().unwrap())).unwrap();
        }
    }
    // A page has tests of its own in a browser.
    let title_of_page = answer.text.lines().find(|line| line.starts_with("<title>"));
    let body = match title_of_page {
        Some(title) => title.to_owned(),
        None if answer.body.is_null() => answer.text.clone(),
        // The document has a file of its own, which a test compares.
        None if answer.body["openapi"].is_string() => "[the OpenAPI document]".to_owned(),
        None => serde_json::to_string_pretty(&answer.body).unwrap(),
    };
    writeln!(text, "{}", redacted(&body)).unwrap();
    text
}

pub(crate) fn assert_snapshot(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Compares all snapshots before it fails, so that one run shows every change.
fn assert_snapshots(folder: &str, texts: &BTreeMap<String, String>) {
    let failed: Vec<&String> = texts
        .iter()
        .filter(|(name, text)| catch_unwind(AssertUnwindSafe(|| assert_snapshot(folder, name, text))).is_err())
        .map(|(name, _)| name)
        .collect();
    assert!(failed.is_empty(), "changed: {failed:?}");
    let path = format!("{}/snapshots/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let kept: BTreeSet<String> = files.filter_map(|file| file.strip_suffix(".snap").map(str::to_owned)).collect();
    assert_eq!(kept, texts.keys().cloned().collect(), "snapshots that no test makes, or the other way round");
}

#[tokio::test]
async fn each_operation_answers_as_in_its_snapshot() {
    let mut texts = BTreeMap::new();
    for visit in visits().await.iter().filter(|visit| !visit.answers.is_empty()) {
        let name =
            visit.scenario.title().replace(|character: char| !character.is_alphanumeric() && character != '-', "_");
        let answers: Vec<String> = visit.answers.iter().map(|(title, answer)| described(title, answer)).collect();
        texts.insert(name, answers.join("\n"));
    }
    assert_snapshots("answers", &texts);
}

#[tokio::test]
async fn each_mail_reads_as_in_its_snapshot() {
    let mut mails: Vec<Mail> = visits().await.iter().flat_map(|visit| visit.mails.clone()).collect();
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, "ada@example.org").await;
    client.post("/v1/register", json!({ "email": "ada@example.org", "password": PASSWORD })).await.expect(202);
    mails.push(client.mail_for("ada@example.org").await);
    let mut texts = BTreeMap::new();
    for mail in mails {
        let text = format!("{}\n\n{}\n\n{}\n", mail.subject, mail.text.trim_end(), mail.html.trim_end());
        let text = mail.code().map_or(text.clone(), |code| text.replace(code, "[code]"));
        texts.entry(mail.kind).or_insert_with(|| redacted(&text));
    }
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/templates/emails");
    let kinds = std::fs::read_dir(templates).unwrap().map(|entry| entry.unwrap());
    let kinds: BTreeSet<String> = kinds
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(texts.keys().cloned().collect::<BTreeSet<_>>(), kinds, "every kind of mail is sent in a scenario");
    assert_snapshots("mails", &texts);
}
