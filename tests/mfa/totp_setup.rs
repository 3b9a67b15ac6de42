use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tests::{App, Client, Person, events, everything_stored, world};

use crate::scenarios::{Scenario, only_scenario, post, registered};

const ADDRESS: &str = "ada+totp@example.org";

/// The text that a phone's camera reads from the QR code.
fn read_qr(data_url: &str) -> String {
    let png = STANDARD.decode(data_url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
    let picture = image::load_from_memory_with_format(&png, image::ImageFormat::Png).unwrap().to_luma8();
    let mut prepared = rqrr::PreparedImage::prepare(picture);
    let grids = prepared.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

#[tokio::test]
async fn the_secret_is_the_same_in_three_forms_and_encrypted_in_the_table() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let answer = person.client.post("/v1/mfa/totp", json!({})).await.expect(200);
    let secret = answer.text("secret");
    // RFC 4226, section 4: 160 bits.
    assert_eq!(secret.len(), 32);
    assert!(secret.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)), "{secret}");
    let uri = answer.text("otpauth_uri");
    let read = read_qr(&answer.text("qr_code"));
    println!("the QR code reads {}", read.replace(&secret, "<secret>"));
    assert_eq!(read, uri);
    let parsed = url::Url::parse(&uri).unwrap();
    assert_eq!((parsed.scheme(), parsed.host_str()), ("otpauth", Some("totp")));
    assert_eq!(parsed.path(), "/Latchkey:ada%2Btotp%40example.org");
    let query: std::collections::BTreeMap<_, _> = parsed.query_pairs().into_owned().collect();
    assert_eq!((query["secret"].as_str(), query["issuer"].as_str()), (secret.as_str(), "Latchkey"));
    // Without parameters every app uses SHA1, 6 digits and 30 seconds.
    for (name, value) in [("algorithm", "SHA1"), ("digits", "6"), ("period", "30")] {
        assert!(query.get(name).is_none_or(|expected| expected == value), "{uri}");
    }
    assert!(!everything_stored(&world).contains(&secret));
    assert_eq!(events(&world, "set_up_totp"), [("success".to_owned(), "totp".to_owned())]);
}

#[tokio::test]
async fn logins_do_not_ask_for_totp_until_a_right_code() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    person.client.post("/v1/mfa/totp", json!({})).await.expect(200);
    assert_eq!(person.login_with(json!({})).await.expect(200).body["status"], "authenticated");
    assert_eq!(person.client.get("/v1/me").await.expect(200).body["mfa_enabled"], false);
    assert_eq!(person.client.get("/v1/mfa").await.expect(200).body["totp"], false);
}

#[tokio::test]
async fn another_setup_replaces_the_pending_secret() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let ask = async || App::new(&person.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret"));
    let (first, second) = (ask().await, ask().await);
    assert_ne!(first.secret, second.secret);
    let enable = async |code: String| person.client.post("/v1/mfa/totp/enable", json!({ "code": code })).await;
    enable(first.code(&world)).await.expect_problem(400, "invalid_code");
    enable(second.code(&world)).await.expect(200);
    // While one is active, another setup is a 409.
    person.client.post("/v1/mfa/totp", json!({})).await.expect_problem(409, "conflict");
    let body = json!({ "code": second.next_code(&world) });
    person.client.post("/v1/mfa/totp/enable", body).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_pending_secret_works_only_for_its_account() {
    let world = world().await;
    let client = Client::new(&world);
    client.post("/v1/mfa/totp", json!({})).await.expect_problem(401, "invalid_token");
    let person = Person::register(&client, ADDRESS).await;
    let answer = person.client.post("/v1/mfa/totp", json!({ "secret": "A" })).await;
    assert_eq!(answer.expect_problem(400, "invalid_request").fields(), ["secret"]);
    assert!(world.scan("accounts").iter().all(|item| item["sk"]["S"] != "FACTORS"));
}

/// OATH Toolkit's `oathtool` is an independent implementation. `.ci/run` installs it.
#[tokio::test]
async fn oathtool_makes_the_same_codes() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let secret = person.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret");
    let now = shared::clock::Clock::now(&**world.clock()).seconds();
    let made =
        std::process::Command::new("oathtool").args(["--totp", "--base32", &format!("--now=@{now}"), &secret]).output();
    let Ok(made) = made else {
        let name = "mfa::totp_setup::oathtool_makes_the_same_codes";
        return tests::leave_out(name, "no oathtool here");
    };
    let code = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert_eq!(code, App::new(&secret).code(&world));
    person.client.post("/v1/mfa/totp/enable", json!({ "code": code })).await.expect(200);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("totp-setup")
            .succeeds(200)
            .records("set_up_totp")
            .asks(|client| async move { post("/v1/mfa/totp", json!({})).by(&registered(&client).await) }),
    ]
}
