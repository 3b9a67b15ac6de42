//! README.md, "Guard your own API": verifying access tokens elsewhere. The code is cut out of the page, so a reader's copy is what runs
//! here. Each one takes an access token, and refuses everything else.

use serde_json::Value;
use tests::{Client, Person, options};
use tokio::process::Command;

use super::{ADDRESS, node, python, readme::block, run};
use crate::browser::Site;

// README.md, `verify.rs`. A test below compares the two.
// <verify.rs>
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};

/// The user of an access token. `keys` is the document at `/.well-known/jwks.json`, and `url` the stack's output PublicUrl.
fn user_of(token: &str, keys: &JwkSet, url: &str) -> Option<String> {
    let header = decode_header(token).ok().filter(|header| header.typ.as_deref() == Some("at+jwt"))?;
    let key = DecodingKey::from_jwk(keys.find(header.kid.as_deref()?)?).ok()?;
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_issuer(&[url]);
    rules.set_audience(&[url]);
    rules.leeway = 30;
    let claims = decode::<serde_json::Value>(token, &key, &rules).ok()?.claims;
    Some(claims["sub"].as_str()?.to_owned())
}
// </verify.rs>

fn access_token(person: &Person) -> String {
    person.client.token.clone().unwrap()
}

/// A service, its person, and what is no access token of it: altered, of another service, a refresh token, no token at all.
async fn tokens(site: &Site) -> (Person, Vec<String>) {
    let person = Person::register(&Client::new(&site.world), ADDRESS).await;
    let token = access_token(&person);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let altered = format!("{signed}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    let other = Site::start(options()).await;
    let foreign = access_token(&Person::register(&Client::new(&other.world), ADDRESS).await);
    other.end().await;
    let refused = vec![altered, foreign, person.refresh_token.clone(), String::new(), "a.b.c".to_owned()];
    (person, refused)
}

/// Runs a program with each token. It prints the user's id, or fails.
async fn verifies(test: &str, command: impl AsyncFn() -> Result<Command, String>) {
    let site = Site::start(options()).await;
    let (person, refused) = tokens(&site).await;
    let verify = async |token: &str| -> Result<(), String> {
        let mut command = command().await?;
        command.envs([("SITE", site.url.as_str()), ("TOKEN", token), ("USER", person.id.as_str())]);
        run(&mut command).await
    };
    match command().await {
        Err(why) => tests::leave_out(&format!("outside::verify::{test}"), &why),
        Ok(_) => {
            verify(&access_token(&person)).await.unwrap();
            for token in refused {
                assert!(verify(&token).await.is_err(), "{token}");
            }
        }
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_verifies_access_tokens() {
    verifies("python_verifies_access_tokens", async || {
        let folder = python().await.as_ref().map_err(Clone::clone)?;
        let given = "import os\nurl, token = os.environ['SITE'], os.environ['TOKEN']\n";
        let program = format!("{given}{}assert user_id == os.environ['USER']\n", block("verify.py"));
        let mut command = Command::new(folder.join("venv/bin/python"));
        command.args(["-c", &program]);
        Ok(command)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_verifies_access_tokens() {
    verifies("node_verifies_access_tokens", async || {
        let folder = node().await.as_ref().map_err(Clone::clone)?;
        let given = "const url = process.env.SITE, token = process.env.TOKEN;\n";
        let program = format!("{given}{}if (userId !== process.env.USER) process.exit(1);\n", block("verify.mjs"));
        let mut command = Command::new("node");
        command.args(["--input-type=module", "--eval", &program]).current_dir(folder);
        Ok(command)
    })
    .await;
}

#[tokio::test]
async fn rust_verifies_access_tokens() {
    let site = Site::start(options()).await;
    let (person, refused) = tokens(&site).await;
    let keys: Value = Client::new(&site.world).get("/.well-known/jwks.json").await.expect(200).body;
    let keys: JwkSet = serde_json::from_value(keys).unwrap();
    assert_eq!(user_of(&access_token(&person), &keys, &site.url), Some(person.id.clone()));
    assert_eq!(user_of(&access_token(&person), &keys, "https://other.example"), None);
    for token in refused {
        assert_eq!(user_of(&token, &keys, &site.url), None, "{token}");
    }
    let shown =
        include_str!("verify.rs").split_once("// <verify.rs>\n").unwrap().1.split_once("// </verify.rs>").unwrap().0;
    assert_eq!(block("verify.rs"), shown);
    site.end().await;
}
