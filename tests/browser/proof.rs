//! The form that asks for a new proof: on the login page, and in the dialog of the account's pages. Also passkeys that are one factor only.

use serde_json::{Value, json};
use tests::{App, Client, PASSWORD, Person, options};

use super::page::Page;

const ADDRESS: &str = "ada@example.org";

/// Logs in with cookies, with the app's code if there is one.
const LOGIN: &str = "
    const csrf_token = (await (await fetch('/v1/csrf')).json()).csrf_token;
    const headers = { 'x-csrf-token': csrf_token, 'content-type': 'application/json' };
    const post = async (path, body) => (await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
    const session = { transport: 'cookie' };
    const first = await post('/v1/login', { identifier: given.email, password: given.password, session });
    if (first.status !== 'mfa_required') return first.status;
    return (await post('/v1/login/mfa', { mfa_token: first.mfa_token, method: 'totp', code: given.code })).status;
";

/// Creates a passkey without user verification, as a password manager does after a login with a password.
const CREATE: &str = "
    const csrf_token = (await (await fetch('/v1/csrf')).json()).csrf_token;
    const headers = { 'x-csrf-token': csrf_token, 'content-type': 'application/json' };
    const post = async (path, body) => (await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
    const asked = await post('/v1/passkeys/options', { conditional: true });
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.publicKey);
    const credential = (await navigator.credentials.create({ publicKey })).toJSON();
    return (await post('/v1/passkeys', { challenge_id: asked.challenge_id, credential })).id;
";

impl Page {
    async fn log_in_here(&self, person: &Person, code: &str) {
        self.open("/login-disown").await;
        let given = json!({ "email": person.email, "password": PASSWORD, "code": code });
        assert_eq!(self.chromium.run(LOGIN, given).await, "authenticated");
    }

    /// Somebody with an authenticator app, and with a passkey in this browser that is one factor only. Returns the authenticator, too. It
    /// waits for its user.
    async fn with_unverified_passkey(&self) -> (Person, App, Value) {
        let person = Person::register(&Client::new(self.world()), ADDRESS).await;
        self.chromium.dev_tools("WebAuthn.enable", json!({})).await;
        let without = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": false,
            "automaticPresenceSimulation": true,
        });
        let made = self.chromium.dev_tools("WebAuthn.addVirtualAuthenticator", json!({ "options": without })).await;
        let first = json!({ "authenticatorId": made["authenticatorId"] });
        self.log_in_here(&person, "").await;
        assert!(self.chromium.run(CREATE, Value::Null).await.is_string());
        let kept = self.chromium.dev_tools("WebAuthn.getCredentials", first.clone()).await;
        self.chromium.dev_tools("WebAuthn.removeVirtualAuthenticator", first).await;
        let authenticator = self.chromium.plug_in().await;
        self.agrees(&authenticator, false).await;
        let given = json!({ "authenticatorId": authenticator, "credential": kept["credentials"][0] });
        self.chromium.dev_tools("WebAuthn.addCredential", given).await;
        // That ends the other sessions.
        let app = person.enable_totp().await;
        (person, app, authenticator)
    }

    async fn agrees(&self, authenticator: &Value, enabled: bool) {
        let given = json!({ "authenticatorId": authenticator, "enabled": enabled });
        self.chromium.dev_tools("WebAuthn.setAutomaticPresenceSimulation", given).await;
    }

    /// Waits for a problem that begins with some words.
    async fn explains(&self, begin: &str) {
        self.until(begin, |shown| shown["problem"].as_str().unwrap().starts_with(begin)).await;
    }

    /// Proves by the passkey, and then by the app's code.
    async fn prove_by_both(&self, app: &App) {
        self.press("#proof-by-passkey").await;
        self.explains("This passkey alone is not enough.").await;
        let visible = "return ['proof-password', 'proof-code', 'proof-totp'].filter((id) => document.getElementById(id).checkVisibility())";
        assert_eq!(self.chromium.run(visible, Value::Null).await, json!(["proof-totp"]));
        self.press("#proof-do").await;
        self.explains("Enter the six digits that").await;
        self.enter("proof-totp", &app.wrong_code(self.world())).await;
        self.press("#proof-do").await;
        self.explains("The code is not right").await;
        self.enter("proof-totp", &app.next_code(self.world())).await;
        self.press("#proof-do").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unverified_passkey_leads_to_the_second_factor_of_the_login() {
    let test = "proof::an_unverified_passkey_leads_to_the_second_factor_of_the_login";
    let Some(page) = Page::start(test, options()).await else { return };
    let (_, app, authenticator) = page.with_unverified_passkey().await;
    page.chromium.client.delete_all_cookies().await.unwrap();
    page.agrees(&authenticator, true).await;
    // By the list below the identifier, and by the button.
    page.open_for("/v1/health", "").await;
    page.section("second").await;
    page.press("#second [data-back]").await;
    page.section("login").await;
    page.press("#by-passkey").await;
    page.section("second").await;
    assert_eq!(page.who().await, 401);
    // The same passkey is no second factor.
    let hidden = page.chromium.run("return document.getElementById('factor-passkey').hidden", Value::Null).await;
    assert_eq!(hidden, true);
    page.enter("factor", &app.next_code(page.world())).await;
    page.press("#with-factor [type=submit]").await;
    page.arrives("/v1/health").await;
    assert_eq!(page.who().await, 200);
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unverified_passkey_needs_the_app_s_code_for_a_step_of_an_app() {
    let test = "proof::an_unverified_passkey_needs_the_app_s_code_for_a_step_of_an_app";
    let Some(page) = Page::start(test, options()).await else { return };
    let (person, app, authenticator) = page.with_unverified_passkey().await;
    page.log_in_here(&person, &app.next_code(page.world())).await;
    page.agrees(&authenticator, true).await;
    page.open_for("/v1/health", "&step_up=1").await;
    page.section("step-up").await;
    assert_eq!(page.text("who").await, ADDRESS);
    page.prove_by_both(&app).await;
    page.arrives("/v1/health").await;
    // Now it is both factors.
    page.open_for("/v1/health", "&step_up=1").await;
    page.section("step-up").await;
    page.press("#proof-by-passkey").await;
    page.arrives("/v1/health").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unverified_passkey_needs_the_app_s_code_on_the_account_s_pages() {
    let test = "proof::an_unverified_passkey_needs_the_app_s_code_on_the_account_s_pages";
    let Some(page) = Page::start(test, options()).await else { return };
    let (person, app, authenticator) = page.with_unverified_passkey().await;
    page.log_in_here(&person, &app.next_code(page.world())).await;
    page.world().clock().advance(700);
    page.agrees(&authenticator, true).await;
    page.open("/account/passkeys").await;
    page.until("the page", |shown| shown["visible"].as_str().unwrap().contains("view")).await;
    page.press("#passkeys button:last-child").await;
    page.press("dialog[open] button:not(.quiet)").await;
    let open = "return document.querySelector('dialog[open]')?.id ?? ''";
    for _ in 0..50 {
        if page.chromium.run(open, Value::Null).await == "proof" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    page.prove_by_both(&app).await;
    for _ in 0..50 {
        if page.text("said").await.starts_with("The passkey is removed.") {
            return page.end().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{}", page.shown().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailed_code_proves_an_account_without_a_password_after_a_pause() {
    let test = "proof::a_mailed_code_proves_an_account_without_a_password_after_a_pause";
    let Some(page) = Page::start(test, options()).await else { return };
    let client = Client::new(page.world());
    // A login by mail makes an account without a password.
    page.open_for("/v1/health", "").await;
    page.section("login").await;
    page.enter("identifier", "new@example.org").await;
    page.press("#go").await;
    page.press("#by-mail").await;
    page.section("mailed").await;
    page.enter("code", &client.code_for("new@example.org").await).await;
    page.press("#with-code [type=submit]").await;
    page.section("success").await;
    page.press("#go-on").await;
    page.arrives("/v1/health").await;

    page.open_for("/v1/health", "&step_up=1").await;
    page.section("step-up").await;
    assert_eq!(page.text("proof-do").await, "Send me a code by e\u{2011}mail");
    page.press("#proof-do").await;
    let state = "const shows = (id) => document.getElementById(id).checkVisibility();
        return [shows('proof-code'), shows('proof-again'), shows('proof-do')]";
    for _ in 0..50 {
        if page.chromium.run(state, Value::Null).await == json!([true, false, true]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(page.chromium.run(state, Value::Null).await, json!([true, false, true]));
    let code = client.code_for("new@example.org").await;
    page.enter("proof-code", if code == "000000" { "000001" } else { "000000" }).await;
    page.press("#proof-do").await;
    page.explains("This code is not right").await;
    page.enter("proof-code", &code).await;
    page.press("#proof-do").await;
    page.arrives("/v1/health").await;
    page.end().await;
}
