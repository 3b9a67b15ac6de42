//! The server-rendered app and the mobile app's client of docs/recipes.md. They are cut out of the page, so a reader's copy is what runs
//! here.

use tests::{Client, PASSWORD, Person, strict_options, world};
use tokio::process::Command;

use super::{ADDRESS, node, run};
use crate::browser::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_renders_at_expiry_keep_the_session() {
    let folder = match node().await {
        Ok(folder) => folder,
        Err(why) => return tests::leave_out("outside::recipes::fifty_renders_at_expiry_keep_the_session", why),
    };
    let (_, module) = include_str!("../../docs/recipes.md").split_once("<!-- auth.js -->\n```js\n").unwrap();
    tokio::fs::write(folder.join("auth.js"), module.split_once("```").unwrap().0).await.unwrap();
    // With the limits of a deployment.
    let site = Site::start(strict_options()).await;
    Person::register(&Client::new(&site.world), ADDRESS).await;
    let mut command = Command::new("node");
    command.arg("server_rendered.mjs").current_dir(folder);
    command.envs([("ISSUER", site.url.as_str()), ("IDENTIFIER", ADDRESS), ("PASSWORD", PASSWORD)]);
    let done = run(&mut command).await;
    site.end().await;
    assert_eq!(done, Ok(()));
}

#[tokio::test]
async fn the_client_of_a_mobile_app_may_log_in() {
    let world = world().await;
    let client = Client::new(&world);
    let (_, body) = include_str!("../../docs/recipes.md").split_once("<!-- mobile.json -->\n```json\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body.split_once("```").unwrap().0).unwrap();
    let made = client.administer("POST", "/v1/admin/clients", Some(&body)).await.expect(201).body;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", made["client_id"].as_str().unwrap())
        .append_pair("redirect_uri", body["redirect_uris"][0].as_str().unwrap())
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .append_pair("code_challenge_method", "S256")
        .finish();
    let answer = client.get(&format!("/oauth2/authorize?{query}")).await.expect(302);
    assert!(answer.header("location").starts_with("/login?continue="), "{}", answer.header("location"));
}
