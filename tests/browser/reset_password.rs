//! The page that the link of a forgotten password opens.

use serde_json::{Value, json};
use tests::{Client, OTHER_PASSWORD, Person, options};

use super::{chromium::Chromium, site::Site};

const ADDRESS: &str = "ada@example.org";

/// What the page shows: the visible section, its title, and the visible problem.
const SHOWN: &str = "
    const visible = [...document.querySelectorAll('section')].filter((section) => !section.hidden).map((section) => section.id);
    return { visible, title: document.title, hash: location.hash, why: !document.getElementById('why').hidden };
";

/// Enters a password twice and presses the button, and waits for another section.
const ENTER: &str = "
    for (const id of ['new-password', 'repeated-password']) document.getElementById(id).value = given;
    const before = document.querySelector('section:not([hidden])').id;
    document.querySelector('#reset [type=submit]').click();
    for (let n = 0; n < 100; n++) {
        const problem = document.getElementById('problem').textContent;
        if (problem) return problem;
        if (document.querySelector('section:not([hidden])').id !== before) return '';
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return 'nothing happened';
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mailed_link_leads_to_a_new_password_once() {
    let Some(chromium) = Chromium::start("browser::reset_password::the_mailed_link_leads_to_a_new_password_once").await
    else {
        return;
    };
    let site = Site::start(options()).await;
    let Site { world, url, .. } = &site;
    let client = Client::new(world);
    let person = Person::register(&client, ADDRESS).await;
    client.post("/v1/password/forgot", json!({ "email": ADDRESS })).await.expect(202);
    let link = client.mail_for(ADDRESS).await.link().unwrap().to_owned();
    assert!(link.starts_with(&format!("{url}/reset-password#token=")), "{link}");

    chromium.client.goto(&link).await.unwrap();
    let shown = chromium.run(SHOWN, Value::Null).await;
    assert_eq!(shown, json!({ "visible": ["set"], "title": "Choose a new password", "hash": "", "why": false }));
    let problem = chromium.run(ENTER, json!("short")).await;
    assert!(problem.as_str().unwrap().contains("We cannot accept this password"), "{problem}");
    assert_eq!(chromium.run(ENTER, json!(OTHER_PASSWORD)).await, "");
    assert_eq!(chromium.run(SHOWN, Value::Null).await["visible"], json!(["success"]));
    Person { password: OTHER_PASSWORD.to_owned(), ..person }.login().await;

    // The same link again, and one without a token.
    chromium.client.goto(&format!("{url}/v1/health")).await.unwrap();
    chromium.client.goto(&link).await.unwrap();
    assert_eq!(chromium.run(ENTER, json!("Third-9-harbour-lamp")).await, "");
    assert_eq!(chromium.run(SHOWN, Value::Null).await["visible"], json!(["unusable"]));
    chromium.client.goto(&format!("{url}/v1/health")).await.unwrap();
    chromium.client.goto(&format!("{url}/reset-password")).await.unwrap();
    assert_eq!(chromium.run(SHOWN, Value::Null).await["visible"], json!(["unusable"]));
    chromium.end().await;
    site.end().await;
}
