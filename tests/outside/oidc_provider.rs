//! oidc-provider, a certified OpenID provider for Node.js, as a sign-in provider. It runs unmodified, with its own pages to log in and to
//! consent. For a fault, a middleware of ours changes its answer.

use std::process::Stdio;

use local::{Internet, World};
use serde_json::{Value, json};
use tests::{
    Answer, Client, Person, profile,
    provider::{PROVIDERS, encoded},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{ADDRESS, node};
use crate::providers::{browser_of, with_providers};

/// The running provider.
struct Provider {
    child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    issuer: String,
}

impl Provider {
    /// Starts it. `None` if a test is left out, because Node.js is missing.
    async fn start(test: &str) -> Option<Self> {
        let folder = match node().await {
            Ok(folder) => folder,
            Err(why) => {
                tests::leave_out(&format!("outside::oidc_provider::{test}"), why);
                return None;
            }
        };
        let mut command = Command::new("node");
        command.arg("oidc_provider.mjs").current_dir(folder).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let requests = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut provider = Self { child, requests, answers, issuer: String::new() };
        provider.issuer = provider.next().await["issuer"].as_str().unwrap().to_owned();
        Some(provider)
    }

    async fn next(&mut self) -> Value {
        let Some(line) = self.answers.next_line().await.unwrap() else {
            let mut why = String::new();
            self.child.stderr.as_mut().unwrap().read_to_string(&mut why).await.unwrap();
            panic!("oidc-provider has ended: {why}");
        };
        serde_json::from_str(&line).unwrap()
    }

    /// A service with the provider under three names, each of which is a client at the provider. The ID tokens of `trusted` are signed by
    /// ES256, those of `untrusted` by RS256, and those of `posting` by EdDSA.
    async fn world(&self) -> World {
        let entry = |id: &str, trust_email: bool, response_mode: &str| {
            json!({ "id": id, "type": "oidc", "name": id, "issuer": self.issuer, "trust_email": trust_email,
                "client_id": id, "client_secret": format!("secret+of/{id}"), "response_mode": response_mode })
        };
        let document = json!({ "providers": [
            entry("trusted", true, "query"),
            entry("untrusted", false, "query"),
            entry("posting", true, "form_post"),
        ] });
        let mut options = with_providers(&[]);
        options.internet = Internet::real().unwrap();
        options.secrets.insert(PROVIDERS.to_owned(), document.to_string());
        World::start(options).await.unwrap()
    }

    /// A user opens an authorization URL and agrees. Returns the parameters of the answer and the pages that the provider showed.
    async fn opens(&mut self, user: &str, url: &str, fault: &str) -> (Vec<(String, String)>, Value) {
        let line = format!("{}\n", json!({ "user": user, "url": url, "fault": fault }));
        self.requests.write_all(line.as_bytes()).await.unwrap();
        let mut answer = self.next().await;
        let at = url::Url::parse(answer["url"].as_str().unwrap()).unwrap();
        (at.query_pairs().into_owned().collect(), answer["pages"].take())
    }

    /// A user logs in. Returns the callback's answer and the pages that the provider showed.
    async fn log_in(&mut self, client: &Client, at: (&str, &str), user: &str, fault: &str) -> (Answer, Value) {
        let (id, query) = at;
        let (browser, url) = client.begin_at(id, query).await;
        let (answer, pages) = self.opens(user, &url, fault).await;
        if id != "posting" {
            return (browser.come_back(id, &answer).await.expect(302), pages);
        }
        let (path, form) = (format!("/v1/providers/{id}/callback"), encoded(&answer));
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", self.issuer.as_str())];
        (browser.send("POST", &path, &headers, form.into_bytes()).await.expect(303), pages)
    }

    async fn end(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The account of the browser after an answer.
async fn account(client: &Client, answer: &Answer) -> Value {
    assert_eq!(answer.header("location"), "/account");
    client.after(answer).get("/v1/me").await.expect(200).body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_users_get_an_account_and_log_in_again() {
    let Some(mut provider) = Provider::start("its_users_get_an_account_and_log_in_again").await else { return };
    let world = provider.world().await;
    let client = Client::new(&world);
    let (created, pages) = provider.log_in(&client, ("trusted", ""), "ada", "").await;
    assert_eq!(pages, json!(["login", "consent"]));
    let first = account(&client, &created).await;
    assert_eq!((&first["email"], &first["name"]), (&json!("ada@example.org"), &json!("ada of oidc-provider")));
    assert_eq!((&first["email_verified"], &first["has_password"]), (&json!(true), &json!(false)));

    // The provider knows the browser, and asks for nothing.
    let (again, pages) = provider.log_in(&client, ("trusted", ""), "ada", "").await;
    assert_eq!((account(&client, &again).await["id"].clone(), pages), (first["id"].clone(), json!([])));
    // It measures in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    for query in ["?prompt=login", "?max_age=0"] {
        let (again, pages) = provider.log_in(&client, ("trusted", query), "ada", "").await;
        let id = account(&client, &again).await["id"].clone();
        assert_eq!((id, pages), (first["id"].clone(), json!(["login"])), "{query}");
    }
    let (_, pages) = provider.log_in(&client, ("trusted", "?max_age=3600"), "ada", "").await;
    assert_eq!(pages, json!([]));

    let (posted, _) = provider.log_in(&client, ("posting", ""), "eve", "").await;
    assert_eq!(account(&client, &posted).await["email"], json!("eve@example.org"));
    provider.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_identities_are_linked_to_accounts() {
    let Some(mut provider) = Provider::start("its_identities_are_linked_to_accounts").await else { return };
    let world = provider.world().await;
    let client = Client::new(&world);
    // By a trusted address.
    let ada = Person::register(&client, ADDRESS).await;
    let (linked, _) = provider.log_in(&client, ("trusted", ""), "ada", "").await;
    assert_eq!(account(&client, &linked).await["id"], json!(ada.id));
    world.settle().await;
    assert!(world.mail().iter().any(|mail| mail.kind == "identity_linked" && mail.to == [ADDRESS]));

    // An address that is not trusted needs the account's session.
    let max = Person::register(&client, "max@example.org").await;
    let (refused, _) = provider.log_in(&client, ("untrusted", ""), "max", "").await;
    assert_eq!(refused.header("location"), "/login?error=link_required&continue=%2Faccount");
    let browser = browser_of(&max).await;
    let asked = browser.post("/v1/identities/untrusted", json!({})).await.expect(200);
    let (answer, _) = provider.opens("max", &asked.text("authorization_url"), "").await;
    let done = browser.after(&asked).come_back("untrusted", &answer).await.expect(302);
    assert_eq!(done.header("location"), "/account");
    let listed = max.client.get("/v1/identities").await.expect(200).body["identities"][0].clone();
    assert_eq!((&listed["provider"], &listed["email"]), (&json!("untrusted"), &json!("max@example.org")));
    let (login, _) = provider.log_in(&client, ("untrusted", ""), "max", "").await;
    assert_eq!(account(&client, &login).await["id"], json!(max.id));
    provider.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_faults_create_nothing() {
    let Some(mut provider) = Provider::start("its_faults_create_nothing").await else { return };
    let world = provider.world().await;
    let client = Client::new(&world);
    let error = |error: &str| format!("/login?error={error}&continue=%2Faccount");
    for fault in [
        "nonce",
        "no nonce",
        "issuer",
        "audience",
        "audiences",
        "expired",
        "not yet",
        "unknown key",
        "foreign key",
        "alg none",
        "alg HS256",
        "userinfo",
    ] {
        for id in ["trusted", "untrusted", "posting"] {
            let (refused, _) = provider.log_in(&client, (id, ""), "ada", fault).await;
            assert_eq!(refused.header("location"), error("invalid_response"), "{fault} at {id}");
        }
    }
    let (refused, _) = provider.log_in(&client, ("trusted", "?prompt=login"), "ada", "refused").await;
    assert_eq!(refused.header("location"), error("access_denied"));

    // A code of another browser (RFC 9700, section 4.5), and an answer that names another issuer (RFC 9207).
    let code_of = |answer: &[(String, String)]| answer.iter().find(|(name, _)| name == "code").unwrap().1.clone();
    let (_, foreign_url) = client.begin_at("trusted", "").await;
    let foreign = code_of(&provider.opens("eve", &foreign_url, "").await.0);
    for (name, value) in [("code", foreign.as_str()), ("iss", "https://evil.example")] {
        let (browser, url) = client.begin_at("trusted", "").await;
        let (mut answer, _) = provider.opens("ada", &url, "").await;
        answer.iter_mut().find(|(own, _)| own == name).unwrap().1 = value.to_owned();
        let refused = browser.come_back("trusted", &answer).await.expect(302);
        assert_eq!(refused.header("location"), error("invalid_response"), "{name}");
    }
    assert!(world.scan("accounts").is_empty() && tests::sessions(&world).is_empty());

    // The same user comes in when the provider answers correctly, and not when it is down.
    let (login, _) = provider.log_in(&client, ("trusted", ""), "ada", "").await;
    account(&client, &login).await;
    let (browser, url) = client.begin_at("trusted", "").await;
    let (answer, _) = provider.opens("ada", &url, "").await;
    provider.end().await;
    let refused = browser.come_back("trusted", &answer).await.expect(302);
    assert_eq!(refused.header("location"), error("provider_unavailable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_new_keys_are_found() {
    let Some(mut provider) = Provider::start("its_new_keys_are_found").await else { return };
    let world = provider.world().await;
    let client = Client::new(&world);
    let (login, _) = provider.log_in(&client, ("trusted", ""), "ada", "").await;
    let first = account(&client, &login).await;
    // Keys are read at most every 30 seconds.
    world.clock().advance(31);
    for fault in ["rotated keys", ""] {
        let (login, _) = provider.log_in(&client, ("trusted", ""), "ada", fault).await;
        assert_eq!(account(&client, &login).await["id"], first["id"]);
    }
    assert_eq!(profile(&world)["pk"]["S"], json!(format!("USER#{}", first["id"].as_str().unwrap())));
    provider.end().await;
}
