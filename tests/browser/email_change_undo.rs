//! The page that the link about a changed address opens.

use serde_json::{Value, json};
use tests::{Client, Person, options};

use super::{chromium::Chromium, site::Site};

const ADDRESS: &str = "ada@example.org";
const NEW: &str = "new@example.org";

const SHOWN: &str = "
    const visible = [...document.querySelectorAll('section')].filter((section) => !section.hidden).map((section) => section.id);
    return { visible, title: document.title, hash: location.hash };
";

/// Presses the button, and waits for another section or a problem.
const PRESS: &str = "
    document.querySelector('#undo [type=submit]').click();
    for (let n = 0; n < 100; n++) {
        const problem = document.getElementById('problem').textContent;
        if (problem) return problem;
        const shown = document.querySelector('section:not([hidden])').id;
        if (shown !== 'ask') return shown;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return 'nothing happened';
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_undoes_the_change_once_after_a_press() {
    let test = "browser::email_change_undo::the_link_undoes_the_change_once_after_a_press";
    let Some(chromium) = Chromium::start(test).await else { return };
    let site = Site::start(options()).await;
    let Site { world, url, .. } = &site;
    let client = Client::new(world);
    let person = Person::register(&client, ADDRESS).await;
    let asked = person.client.post("/v1/email/change", json!({ "new_email": NEW })).await.expect(202);
    let body = json!({ "challenge_id": asked.text("challenge_id"), "code": client.code_for(NEW).await });
    person.client.post("/v1/email/change/verify", body).await.expect(200);
    let link = client.mail_for(ADDRESS).await.link().unwrap().to_owned();
    assert!(link.starts_with(&format!("{url}/email-change-undo#token=")), "{link}");

    chromium.client.goto(&link).await.unwrap();
    let shown = chromium.run(SHOWN, Value::Null).await;
    assert_eq!(shown, json!({ "visible": ["ask"], "title": "Undo the change of your address?", "hash": "" }));
    person.client.get("/v1/me").await.expect(200);
    assert_eq!(chromium.run(PRESS, Value::Null).await, "success");
    person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    assert_eq!(person.login().await.client.get("/v1/me").await.body["email"], ADDRESS);

    // The same link again, and one without a token.
    chromium.client.goto(&format!("{url}/v1/health")).await.unwrap();
    chromium.client.goto(&link).await.unwrap();
    assert_eq!(chromium.run(PRESS, Value::Null).await, "unusable");
    chromium.client.goto(&format!("{url}/v1/health")).await.unwrap();
    chromium.client.goto(&format!("{url}/email-change-undo")).await.unwrap();
    assert_eq!(chromium.run(SHOWN, Value::Null).await["visible"], json!(["unusable"]));
    chromium.end().await;
    site.end().await;
}
