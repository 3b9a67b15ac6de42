//! A login at a sign-in provider, by the buttons of the login page. The provider has pages of its own, at another site.

use std::sync::Arc;

use bytes::Bytes;
use local::{Internet, Options, World, options::Servers};
use serde_json::{Value, json};
use tests::{
    Client, Person, options,
    provider::{CLIENT_ID, PROVIDERS, agreed, encoded, servers, verified},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::page::Page;

const ADDRESS: &str = "ada@example.org";

/// The provider's issuer. Its keys and tokens are those of the stub.
const ISSUER: &str = "https://site.example";

/// The stub's servers, and the provider that sends browsers to a page at this address.
fn servers_with(page: String) -> Servers {
    let others = servers();
    Arc::new(move |request| {
        if request.uri() != format!("{ISSUER}/.well-known/openid-configuration").as_str() {
            return others(request);
        }
        let metadata = json!({ "issuer": ISSUER, "authorization_endpoint": format!("{page}/authorize"),
            "token_endpoint": format!("{ISSUER}/token"), "jwks_uri": format!("{ISSUER}/jwks"),
            "token_endpoint_auth_methods_supported": ["client_secret_post"] });
        Box::pin(async move { Some(http::Response::new(Bytes::from(metadata.to_string()))) })
    })
}

/// A deployment with the provider. This listener serves the pages of the provider.
pub(super) fn with_site(listener: &TcpListener) -> Options {
    // Another site than that of the service, which is at `localhost`.
    let page = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let mut options = options();
    options.parameters.insert("Providers".to_owned(), PROVIDERS.to_owned());
    let own = json!({ "id": "site", "type": "oidc", "name": "Site", "client_id": CLIENT_ID,
        "client_secret": "s3cret+of/the~client", "issuer": ISSUER, "trust_email": true });
    options.secrets.insert(PROVIDERS.to_owned(), json!({ "providers": [own] }).to_string());
    options.internet = Internet::Stub(servers_with(page));
    options
}

/// Serves the provider's page, which asks its user to allow the login.
pub(super) fn serve(listener: TcpListener, world: World) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = answer(stream, &world).await;
        }
    })
}

async fn answer(mut stream: TcpStream, world: &World) -> std::io::Result<()> {
    let mut request = vec![0; 16 * 1024];
    let read = stream.read(&mut request).await?;
    let head = String::from_utf8_lossy(&request[..read]).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path.strip_prefix("/authorize?") {
        None => ("404 Not Found", String::new()),
        Some(query) => {
            let url = format!("{ISSUER}/authorize?{query}");
            let mut agreed = agreed(world, &url, &verified(ADDRESS));
            let asked = url::Url::parse(&url).unwrap();
            let back = asked.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
            let link = |id: &str, parameters: &[(String, String)]| {
                format!("<a id={id} href=\"{back}?{}\">{id}</a>", encoded(parameters).replace('&', "&amp;"))
            };
            let allow = link("allow", &agreed);
            agreed[0] = ("error".to_owned(), "access_denied".to_owned());
            ("200 OK", format!("<!DOCTYPE html><title>Site</title>{allow} {}", link("deny", &agreed)))
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

/// Goes from the login page to the provider, and answers there.
async fn log_in(page: &Page, more: &str, answer: &str) {
    page.open_for("/v1/health?a=b,c", more).await;
    page.section("login").await;
    let button = page.chromium.run("return document.querySelector('#providers a').textContent", Value::Null).await;
    assert!(button.as_str().unwrap().starts_with("Continue with Site"), "{button}");
    page.press("#providers a").await;
    page.press(answer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_button_leads_to_the_provider_and_back_to_where_the_link_says() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let test = "provider_login::a_button_leads_to_the_provider_and_back_to_where_the_link_says";
    let Some(page) = Page::start(test, with_site(&listener)).await else { return };
    let site = serve(listener, page.world().clone());
    let person = Person::register(&Client::new(page.world()), ADDRESS).await;

    // The user refuses, and then allows.
    log_in(&page, "", "#deny").await;
    let shown = page.section("login").await;
    assert!(shown["notice"].as_str().unwrap().starts_with("You did not allow the login there"), "{shown}");
    assert_eq!(page.who().await, 401);
    page.press("#providers a").await;
    page.press("#allow").await;
    page.arrives("/v1/health?a=b,c").await;
    assert_eq!(page.who().await, 200);
    let sessions = person.client.get("/v1/sessions").await.expect(200).body;
    assert!(sessions["sessions"].as_array().unwrap().iter().any(|session| session["methods"] == json!(["fed"])));
    site.abort();
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_factor_follows_a_provider_on_a_page_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let Some(page) =
        Page::start("provider_login::a_second_factor_follows_a_provider_on_a_page_of_its_own", with_site(&listener))
            .await
    else {
        return;
    };
    let site = serve(listener, page.world().clone());
    let person = Person::register(&Client::new(page.world()), ADDRESS).await;
    let app = person.enable_totp().await;

    log_in(&page, "", "#allow").await;
    assert_eq!(page.section("second").await["title"], "Confirm that it is you");
    assert!(page.cookies().await.contains(&"__Host-mfa".to_owned()));
    assert_eq!(page.who().await, 401);
    page.enter("factor", &app.wrong_code(page.world())).await;
    page.press("#with-factor [type=submit]").await;
    assert!(page.problem().await.starts_with("This code is not right"));
    page.enter("factor", &app.next_code(page.world())).await;
    page.press("#with-factor [type=submit]").await;
    page.arrives("/v1/health?a=b,c").await;
    assert_eq!(page.who().await, 200);
    assert!(!page.cookies().await.contains(&"__Host-mfa".to_owned()));

    // A login that is given up leaves nothing that a new one could take for its own.
    page.chromium.client.delete_all_cookies().await.unwrap();
    log_in(&page, "", "#allow").await;
    page.section("second").await;
    page.press("#second [data-back]").await;
    page.section("login").await;
    assert!(page.cookies().await.contains(&"__Host-mfa".to_owned()));
    page.chromium.plug_in().await;
    page.press("#by-passkey").await;
    assert_eq!(page.problem().await, "No passkey was used.");
    page.press("#providers a").await;
    page.press("#deny").await;
    page.section("login").await;
    assert!(!page.cookies().await.contains(&"__Host-mfa".to_owned()));
    site.abort();
    page.end().await;
}
