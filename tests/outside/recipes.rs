//! The server-rendered app of docs/recipes.md. Its module is cut out of the page, so a reader's copy is what runs here.

use tests::{Client, PASSWORD, Person, strict_options};
use tokio::process::Command;

use super::{ADDRESS, NODE, node, run};
use crate::browser::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_renders_at_expiry_keep_the_session() {
    let folder = match NODE.get_or_init(node).await {
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
