//! The client in Chromium, in pages with a strict policy.

use std::time::Duration;

use fantoccini::wd::{TimeoutConfiguration, WindowHandle};
use serde_json::{Value, json};
use tests::{Client, OTHER_PASSWORD, PASSWORD, Person, options, thorough};

use super::{assert_all_but, host::Host, id_token, with_provider};
use crate::browser::Chromium;

pub(super) const ADDRESS: &str = "ada@example.org";

/// The time that a script has, however slow the machine is.
const PATIENCE: Duration = Duration::from_secs(1200);

/// A browser with the app's page. `None` if the test is left out.
async fn browser(test: &str, host: &Host) -> Option<Chromium> {
    let chromium = Chromium::start(&format!("js_client::browser::{test}")).await?;
    let patience = TimeoutConfiguration::new(Some(PATIENCE), None, None);
    chromium.client.update_timeouts(patience).await.unwrap();
    open(&chromium, host, "").await;
    Some(chromium)
}

/// Opens the app's page, with a query.
async fn open(chromium: &Chromium, host: &Host, query: &str) {
    chromium.client.goto(&format!("{}/app/{query}", host.url)).await.unwrap();
    for _ in 0..200 {
        if chromium.client.title().await.unwrap() == "ready" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the page's script did not run: {:?}", chromium.complaints().await);
}

/// Opens the page in another tab, and goes there.
async fn another_tab(chromium: &Chromium, host: &Host, query: &str) -> WindowHandle {
    let tab = chromium.client.new_window(true).await.unwrap().handle;
    chromium.client.switch_to_window(tab.clone()).await.unwrap();
    open(chromium, host, query).await;
    tab
}

/// A world with a user, where access tokens live a minute.
async fn with_user() -> Host {
    let mut options = options();
    options.parameters.insert("AccessTokenSeconds".to_owned(), "60".to_owned());
    let host = Host::start(options).await;
    Person::register(&Client::new(&host.world), ADDRESS).await;
    host
}

/// Logs the page in.
async fn log_in(chromium: &Chromium) {
    let script = "return (await auth.login({ ...given, session: { remember_me: true } })).status;";
    let given = json!({ "identifier": ADDRESS, "password": PASSWORD });
    assert_eq!(chromium.run(script, given).await, "authenticated");
}

async fn ended(chromium: &Chromium) -> Value {
    // A message of another tab takes a moment.
    chromium.run("await new Promise((done) => setTimeout(done, 300)); return ends;", Value::Null).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_succeeds_with_cookies() {
    let host = Host::start(with_provider()).await;
    let Some(chromium) = browser("every_operation_succeeds_with_cookies", &host).await else { return };
    chromium.plug_in().await;
    let script = "
        const make = () => new Latchkey();
        return everyOperation({ Latchkey, make, url: location.origin, idToken: given, withCookies: true, withPasskeys: true });
    ";
    let done = chromium.run(script, json!(id_token(&host))).await;
    assert_all_but(&done, &[]);
    assert_eq!(chromium.complaints().await, Vec::<Value>::new());
    chromium.end().await;
}

/// Three tabs at the expiry of their session, again and again.
async fn rounds(test: &str, query: &str, rounds: usize) -> Option<Value> {
    let host = with_user().await;
    let chromium = browser(test, &host).await?;
    open(&chromium, &host, query).await;
    log_in(&chromium).await;
    let first = chromium.client.window().await.unwrap();
    another_tab(&chromium, &host, query).await;
    another_tab(&chromium, &host, query).await;
    chromium.client.switch_to_window(first).await.unwrap();
    let given = json!({ "rounds": rounds, "others": 2, "seconds": 61 });
    let done = chromium.run("return lead(given);", given).await;
    assert_eq!((&done["problems"], &done["ends"]), (&json!([]), &json!([])));
    println!("{test}: {done}");
    for tab in chromium.client.windows().await.unwrap() {
        chromium.client.switch_to_window(tab).await.unwrap();
        assert_eq!(ended(&chromium).await, json!([]));
    }
    chromium.end().await;
    Some(done)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_refresh_once_at_expiry() {
    let times = if thorough::everything() { 1000 } else { 50 };
    let Some(done) = rounds("tabs_refresh_once_at_expiry", "", times).await else { return };
    assert_eq!(done["refreshes"], json!({ "1": times }), "one refresh each time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_keep_their_session_without_web_locks() {
    let times = if thorough::everything() { 1000 } else { 50 };
    rounds("tabs_keep_their_session_without_web_locks", "?without=locks&without=channel", times).await;
}

/// A storage may show a change of another tab late. Then the service repeats its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_that_share_tokens_keep_their_session() {
    let times = if thorough::everything() { 1000 } else { 20 };
    rounds("tabs_that_share_tokens_keep_their_session", "?transport=token", times).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_session_reaches_every_tab_once() {
    let host = with_user().await;
    let Some(chromium) = browser("the_end_of_a_session_reaches_every_tab_once", &host).await else { return };
    log_in(&chromium).await;
    let first = chromium.client.window().await.unwrap();
    let second = another_tab(&chromium, &host, "").await;
    assert_eq!(chromium.run("return (await auth.profileGet()).email;", Value::Null).await, ADDRESS);

    // Revoked elsewhere.
    let client = Client::new(&host.world);
    let login = client.post("/v1/login", json!({ "identifier": ADDRESS, "password": PASSWORD })).await.expect(200);
    client.with_token(&login.text("access_token")).post("/v1/logout/all", json!({})).await.expect(200);
    let several = "return Promise.all([auth.profileGet(), auth.mfaStatus(), auth.profileUpdate({ bio: 'x' })]
        .map((work) => work.then(() => 200, ({ status }) => status)));";
    assert_eq!(chromium.run(several, Value::Null).await, json!([401, 401, 401]));
    assert_eq!(ended(&chromium).await, json!(["session_revoked"]));
    chromium.client.switch_to_window(first.clone()).await.unwrap();
    assert_eq!(ended(&chromium).await, json!(["session_revoked"]));

    // A login in one tab is one in all. So is a logout.
    log_in(&chromium).await;
    chromium.client.switch_to_window(second.clone()).await.unwrap();
    assert_eq!(chromium.run("return (await auth.profileUpdate({ bio: 'y' })).bio;", Value::Null).await, "y");
    chromium.run("await auth.logout();", Value::Null).await;
    assert_eq!(ended(&chromium).await, json!(["session_revoked", "logout"]));
    chromium.client.switch_to_window(first.clone()).await.unwrap();
    assert_eq!(ended(&chromium).await, json!(["session_revoked", "logout"]));

    // Another user logs in in one tab. The other one does not act for them.
    log_in(&chromium).await;
    chromium.client.switch_to_window(second).await.unwrap();
    chromium.run("await auth.profileGet();", Value::Null).await;
    let script = "await auth.register({ username: 'grace', password: given });";
    chromium.run(script, json!(OTHER_PASSWORD)).await;
    chromium.client.switch_to_window(first).await.unwrap();
    assert_eq!(ended(&chromium).await, json!(["session_revoked", "logout", "replaced"]));
    assert_eq!(chromium.complaints().await, Vec::<Value>::new());
    chromium.end().await;
}

/// A page is left while its refresh is under way. The next one still has the session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_left_keeps_the_session() {
    let host = with_user().await;
    let Some(chromium) = browser("a_page_that_is_left_keeps_the_session", &host).await else { return };
    log_in(&chromium).await;
    for wait in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55] {
        let script = "
            await server.advance(61);
            void auth.refresh().catch(() => {});
            await new Promise((done) => setTimeout(done, given));
            location.reload();
        ";
        chromium.run(script, json!(wait)).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        // Later than the service repeats an answer.
        host.world.clock().advance(61);
        open(&chromium, &host, "").await;
        let script = "return [await outcome(auth.profileUpdate({ bio: 'kept' })), ends];";
        assert_eq!(chromium.run(script, Value::Null).await, json!(["ok", []]), "after {wait} ms");
    }
    chromium.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passkeys_work_as_they_are() {
    passkeys("passkeys_work_as_they_are", "").await;
}

/// Older browsers and some password managers cannot turn a credential into JSON.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passkeys_work_without_json() {
    passkeys("passkeys_work_without_json", "?without=json").await;
}

async fn passkeys(test: &str, query: &str) {
    let host = with_user().await;
    let Some(chromium) = browser(test, &host).await else { return };
    let script = "const { available, conditionalGet, conditionalCreate } = Latchkey.passkeys;
        return Promise.all([available, conditionalGet, conditionalCreate]);";
    let can = chromium.run(script, Value::Null).await;
    assert_eq!((&can[0], &can[1]), (&json!(true), &json!(true)), "{can}");
    open(&chromium, &host, query).await;
    chromium.plug_in().await;
    log_in(&chromium).await;
    let script = "
        const passkey = await auth.passkeyAdd({ name: 'Desk' });
        await auth.logout();
        const names = [];
        for (const how of [{}, { identifier: given }, { conditional: true }, { session: { remember_me: true } }]) {
            names.push((await auth.passkeyLogin(how)).user.email);
            await auth.passkeyReauthenticate();
            await auth.logout();
        }
        return { names, transports: passkey.transports };
    ";
    let done = chromium.run(script, json!(ADDRESS)).await;
    assert_eq!(done, json!({ "names": [ADDRESS, ADDRESS, ADDRESS, ADDRESS], "transports": ["internal"] }));

    // An automatic one after a login with a password. The virtual authenticator has no password manager, so it is asked plainly.
    log_in(&chromium).await;
    let script = "
        const [{ id }] = (await auth.passkeyList()).passkeys;
        await auth.passkeyRemove({ id });
        const create = navigator.credentials.create.bind(navigator.credentials);
        let asked;
        navigator.credentials.create = (request) => { asked = request; return create({ publicKey: request.publicKey }); };
        const made = await auth.passkeyAdd({ conditional: true });
        navigator.credentials.create = create;
        const stopped = await auth.passkeyAdd({ signal: AbortSignal.abort(new Error('enough')) }).catch(String);
        return { mediation: asked.mediation, verification: asked.publicKey.authenticatorSelection.userVerification,
            transports: made.transports, stopped };
    ";
    let done = chromium.run(script, Value::Null).await;
    let expected = json!({ "mediation": "conditional", "verification": "preferred", "transports": ["internal"],
        "stopped": "Error: enough" });
    assert_eq!(done, expected);

    // A passkey that the service does not know is reported to the password manager. The service's passkeys are, too.
    let script = "
        const told = [];
        for (const name of ['signalUnknownCredential', 'signalAllAcceptedCredentials', 'signalCurrentUserDetails']) {
            PublicKeyCredential[name] = async (details) => { told.push([name, details]); throw new Error('not now'); };
        }
        await auth.passkeyLogin();
        const details = await auth.passkeySignal();
        await auth.signalPasskeys();
        const [{ id }] = (await auth.passkeyList()).passkeys;
        await auth.passkeyRemove({ id });
        await auth.logout();
        const refused = await outcome(auth.passkeyLogin());
        const waiting = auth.passkeyLogin({ signal: AbortSignal.abort(new Error('enough')) }).catch(String);
        return { details, told, refused, stopped: await waiting };
    ";
    let done = chromium.run(script, Value::Null).await;
    let (details, told) = (&done["details"], &done["told"]);
    let ids = &details["accepted_credential_ids"];
    let (rp, user) = (&details["rp_id"], &details["user_id"]);
    let expected = json!([
        ["signalAllAcceptedCredentials", { "rpId": rp, "userId": user, "allAcceptedCredentialIds": ids }],
        ["signalCurrentUserDetails", { "rpId": rp, "userId": user, "name": ADDRESS, "displayName": details["display_name"] }],
        ["signalUnknownCredential", { "rpId": rp, "credentialId": ids[0] }],
    ]);
    assert_eq!((told, &done["refused"]), (&expected, &json!("unknown_credential")));
    assert_eq!(done["stopped"], "Error: enough");
    assert_eq!(chromium.complaints().await, Vec::<Value>::new());
    chromium.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_uses_the_session_of_its_page() {
    let host = with_user().await;
    let Some(chromium) = browser("a_worker_uses_the_session_of_its_page", &host).await else { return };
    open(&chromium, &host, "open").await;
    log_in(&chromium).await;
    host.world.clock().advance(61);
    let script = "
        const worker = new Worker('/app/worker.mjs', { type: 'module' });
        const answer = new Promise((done) => { worker.onmessage = ({ data }) => done(data); worker.onerror = done; });
        worker.postMessage('go');
        const [bio, email] = await Promise.all([answer, auth.profileGet().then((user) => user.email)]);
        return { bio, email, ends };
    ";
    let done = chromium.run(script, Value::Null).await;
    assert_eq!(done, json!({ "bio": "from a worker", "email": ADDRESS, "ends": [] }));
    assert_eq!(host.invocations("token-refresh"), 1, "for both");
    chromium.end().await;
}
