//! The page that the link of a login mail opens.

use serde_json::{Value, json};
use tests::{Client, Person, options, sessions};

use super::{chromium::Chromium, site::Site};

const ADDRESS: &str = "ada@example.org";

/// Asks for a login mail, as a page of this origin does.
const ASK: &str = "
    const csrf_token = (await (await fetch('/v1/csrf')).json()).csrf_token;
    const headers = { 'x-csrf-token': csrf_token, 'content-type': 'application/json' };
    const body = JSON.stringify({ email: given, session: { transport: 'cookie' } });
    return (await fetch('/v1/login/email', { method: 'POST', headers, body })).status;
";

const SHOWN: &str = "
    const visible = [...document.querySelectorAll('section')].filter((section) => !section.hidden).map((section) => section.id);
    return { visible, title: document.title, hash: location.hash };
";

/// Presses the button of the visible section, with this text in its input, and waits for another section or a problem.
const PRESS: &str = "
    const section = document.querySelector('section:not([hidden])');
    if (given) section.querySelector('input').value = given;
    section.querySelector('[type=submit]').click();
    for (let n = 0; n < 100; n++) {
        const problem = document.getElementById('problem').textContent;
        if (problem) return problem;
        if (section.hidden) return document.querySelector('section:not([hidden])').id;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return 'nothing happened';
";

const WHO: &str = "return (await fetch('/v1/me')).status;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_asking_browser_logs_in_by_the_link_and_another_one_needs_the_code() {
    let test = "browser::login_email::the_asking_browser_logs_in_by_the_link_and_another_one_needs_the_code";
    let Some(chromium) = Chromium::start(test).await else { return };
    let site = Site::start(options()).await;
    let Site { world, url, .. } = &site;
    let client = Client::new(world);
    let person = Person::register(&client, ADDRESS).await;
    let open = async |link: &str| {
        chromium.client.goto(&format!("{url}/v1/health")).await.unwrap();
        chromium.client.goto(link).await.unwrap();
    };

    // Asked for in this browser.
    open(&format!("{url}/login/email")).await;
    assert_eq!(chromium.run(SHOWN, Value::Null).await["visible"], json!(["unusable"]));
    assert_eq!(chromium.run(ASK, json!(ADDRESS)).await, 202);
    let link = client.mail_for(ADDRESS).await.link().unwrap().to_owned();
    open(&link).await;
    let shown = chromium.run(SHOWN, Value::Null).await;
    assert_eq!(shown, json!({ "visible": ["ask"], "title": "Log in in this browser?", "hash": "" }));
    assert_eq!(chromium.run(WHO, Value::Null).await, 401);
    assert_eq!(chromium.run(PRESS, Value::Null).await, "success");
    assert_eq!(chromium.run(WHO, Value::Null).await, 200);
    open(&link).await;
    assert_eq!(chromium.run(PRESS, Value::Null).await, "elsewhere");

    // Asked for elsewhere. Pressing the button spends nothing.
    chromium.client.delete_all_cookies().await.unwrap();
    let body = json!({ "email": ADDRESS });
    client.post("/v1/login/email", body).await.expect(202);
    let mail = client.mail_for(ADDRESS).await;
    let (code, link) = (mail.code().unwrap(), mail.link().unwrap());
    let before = sessions(world).len();
    for _ in 0..2 {
        open(link).await;
        assert_eq!(chromium.run(PRESS, Value::Null).await, "elsewhere");
    }
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert!(chromium.run(PRESS, json!(wrong)).await.as_str().unwrap().starts_with("This code is not right"));
    assert_eq!(sessions(world).len(), before);
    assert_eq!(chromium.run(PRESS, json!(code)).await, "success");
    assert_eq!(chromium.run(WHO, Value::Null).await, 200);

    // With a second factor.
    let app = person.enable_totp().await;
    chromium.client.delete_all_cookies().await.unwrap();
    open(&format!("{url}/login/email")).await;
    assert_eq!(chromium.run(ASK, json!(ADDRESS)).await, 202);
    open(client.mail_for(ADDRESS).await.link().unwrap()).await;
    assert_eq!(chromium.run(PRESS, Value::Null).await, "second");
    assert_eq!(chromium.run(WHO, Value::Null).await, 401);
    assert_eq!(chromium.run(PRESS, json!(app.next_code(world))).await, "success");
    assert_eq!(chromium.run(WHO, Value::Null).await, 200);

    // A new account shows its recovery key.
    chromium.client.delete_all_cookies().await.unwrap();
    open(&format!("{url}/login/email")).await;
    assert_eq!(chromium.run(ASK, json!("new@example.org")).await, 202);
    open(client.mail_for("new@example.org").await.link().unwrap()).await;
    assert_eq!(chromium.run(PRESS, Value::Null).await, "success");
    let key = chromium.run("return document.getElementById('recovery-key').textContent", Value::Null).await;
    assert!(key.as_str().unwrap().len() > 20, "{key}");
    chromium.run("document.getElementById('recovery-key').dispatchEvent(new Event('copy'))", Value::Null).await;
    chromium.end().await;
    site.end().await;
}
