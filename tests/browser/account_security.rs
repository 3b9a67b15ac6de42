//! The account's pages for ways to log in: password, address, authenticator app and passkeys. Each sensitive step asks for its proof.

use passkey::types::ctap2::Aaguid;
use serde_json::{Value, json};
use tests::{App, Client, Key, OTHER_PASSWORD, Person, options};

use super::account::{ADDRESS, Account};

const NEW_ADDRESS: &str = "lovelace@example.org";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sensitive_step_asks_for_its_proof_and_loses_nothing() {
    let test = "account_security::a_sensitive_step_asks_for_its_proof_and_loses_nothing";
    let Some(account) = Account::start(test, options()).await else { return };
    account.view("/account/email").await;
    account.age();
    account.enter("email", NEW_ADDRESS).await;
    account.press("#change [type=submit]").await;
    account.dialog("proof").await;
    account.enter("proof-password", "Wrong-4-lantern-door").await;
    account.press("#proof-do").await;
    account.problem_is("The password is not right.").await;
    account.press("#proof-cancel").await;
    account.problem_is("Nothing was changed").await;
    assert_eq!(account.value("email").await, NEW_ADDRESS);
    assert_eq!(account.value("proof-password").await, "");

    account.press("#change [type=submit]").await;
    account.prove().await;
    let shown = account.section("confirm").await;
    assert!(shown["view"].as_str().unwrap().contains(NEW_ADDRESS), "{shown}");
    account.enter("code", "000000").await;
    account.press("#with-code [type=submit]").await;
    account.problem_is("This code is not right").await;
    let code = account.person.client.code_for(NEW_ADDRESS).await;
    // As people paste it.
    account.enter("code", &format!(" {} {} ", &code[..3], &code[3..])).await;
    account.press("#with-code [type=submit]").await;
    let shown = account.said("Your address is changed.").await;
    assert_eq!(shown["reader"], NEW_ADDRESS);
    Person { email: NEW_ADDRESS.to_owned(), ..account.person.clone() }.login().await;
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_changed_with_the_current_one() {
    let test = "account_security::a_password_is_changed_with_the_current_one";
    let Some(account) = Account::start(test, options()).await else { return };
    account.view("/account/password").await;
    account.enter("current-password", "Wrong-4-lantern-door").await;
    account.enter("new-password", "short").await;
    account.press("#do").await;
    account.problem_is("We cannot accept this password").await;
    account.enter("new-password", OTHER_PASSWORD).await;
    account.press("#do").await;
    account.problem_is("The current password is not right.").await;
    account.enter("current-password", &account.person.password).await;
    account.press("#others").await;
    account.press("#do").await;
    account.said("Your password is changed.").await;
    assert_eq!((account.value("current-password").await, account.value("new-password").await), (json!(""), json!("")));
    // The other session was to stay.
    account.person.client.get("/v1/me").await.expect(200);
    Person { password: OTHER_PASSWORD.to_owned(), ..account.person.clone() }.login().await;
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_a_password_proves_itself_by_a_mailed_code() {
    let test = "account_security::an_account_without_a_password_proves_itself_by_a_mailed_code";
    let Some(account) = Account::start(test, options()).await else { return };
    account.chromium.dev_tools("Network.clearBrowserCookies", json!({})).await;
    let begin = "
        const call = async (path, body) => {
            const token = (await (await fetch('/v1/csrf')).json()).csrf_token;
            const headers = { 'content-type': 'application/json', 'x-csrf-token': token };
            return (await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
        };
        const session = { transport: 'cookie' };
    ";
    let ask = format!("{begin} return (await call('/v1/login/email', {{ email: given, session }})).challenge_id");
    let challenge = account.chromium.run(&ask, json!(NEW_ADDRESS)).await;
    let code = Client::new(account.world()).code_for(NEW_ADDRESS).await;
    let verify = format!("{begin} return (await call('/v1/login/email/verify', {{ ...given, session }})).status");
    let given = json!({ "challenge_id": challenge, "code": code });
    assert_eq!(account.chromium.run(&verify, given).await, "authenticated");

    account.age();
    account.view("/account/password").await;
    account.enter("new-password", OTHER_PASSWORD).await;
    account.press("#do").await;
    account.dialog("proof").await;
    account.press("#proof-do").await;
    let visible = |selector: &str| format!("return document.querySelector('{selector}').checkVisibility()");
    for _ in 0..100 {
        if account.chromium.run(&visible("#proof-code"), Value::Null).await == true {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    account.enter("proof-code", "000000").await;
    account.press("#proof-do").await;
    account.problem_is("This code is not right").await;
    let code = Client::new(account.world()).code_for(NEW_ADDRESS).await;
    account.enter("proof-code", &code).await;
    account.press("#proof-do").await;
    account.said("Your password is changed.").await;
    let body = json!({ "identifier": NEW_ADDRESS, "password": OTHER_PASSWORD });
    Client::new(account.world()).post("/v1/login", body).await.expect(200);
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authenticator_app_is_set_up_used_and_turned_off() {
    let test = "account_security::an_authenticator_app_is_set_up_used_and_turned_off";
    let Some(account) = Account::start(test, options()).await else { return };
    let codes = "return [...document.querySelectorAll('#codes li')].map((code) => code.textContent)";
    account.view("/account/mfa").await;
    account.press("#set-up").await;
    account.section("setup").await;
    let drawn = "const qr = document.querySelector('#qr img'); await qr.decode();
        return { secret: document.getElementById('secret').innerText, width: qr.naturalWidth, uri: document.getElementById('open-app').href }";
    let drawn = account.chromium.run(drawn, Value::Null).await;
    let secret = drawn["secret"].as_str().unwrap();
    assert!(drawn["width"].as_u64().unwrap() > 100 && drawn["uri"].as_str().unwrap().contains(secret), "{drawn}");
    let app = App::new(secret);
    account.enter("code", &app.wrong_code(account.world())).await;
    account.press("#enable [type=submit]").await;
    account.problem_is("This code is not right").await;
    account.enter("code", &app.next_code(account.world())).await;
    account.press("#enable [type=submit]").await;
    account.section("backup").await;
    let first = account.chromium.run(codes, Value::Null).await;
    assert_eq!(first.as_array().unwrap().len(), 10);
    // The other session has ended.
    account.person.client.get("/v1/me").await.expect_problem(401, "session_revoked");
    account.press("#kept").await;
    assert!(account.section("view").await["view"].as_str().unwrap().contains("You have 10 unused codes."));
    assert_eq!(account.chromium.run("return document.getElementById('secret').textContent", Value::Null).await, "");

    // New codes for a code of the old ones, after a proof with both factors.
    account.age();
    account.press("#regenerate").await;
    account.dialog("dialog").await;
    account.enter("dialog-input", first[0].as_str().unwrap()).await;
    account.press("dialog[open] [type=submit]").await;
    account.dialog("proof").await;
    account.enter("proof-password", &account.person.password).await;
    account.press("#proof-do").await;
    account.problem_is("Enter the six digits").await;
    account.enter("proof-totp", &app.next_code(account.world())).await;
    account.press("#proof-do").await;
    account.section("backup").await;
    assert_ne!(account.chromium.run(codes, Value::Null).await, first);
    account.press("#kept").await;
    account.section("view").await;

    account.press("#disable").await;
    account.dialog("dialog").await;
    account.enter("dialog-input", first[1].as_str().unwrap()).await;
    account.press("dialog[open] [type=submit]").await;
    account.problem_is("This code is not right, or it was used before").await;
    account.enter("dialog-input", &app.next_code(account.world())).await;
    account.press("dialog[open] [type=submit]").await;
    account.said("The authenticator app is off").await;
    account.person.login().await;
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_added_renamed_and_removed() {
    let test = "account_security::a_passkey_is_added_renamed_and_removed";
    let Some(account) = Account::start(test, options()).await else { return };
    account.chromium.plug_in().await;
    account.view("/account/passkeys").await;
    account.age();
    account.press("#add").await;
    account.prove().await;
    account.said("The passkey is added.").await;
    // Words for what a browser may throw. An error is no decision of the reader.
    for (error, words) in [
        ("NotAllowedError", "No passkey was added."),
        ("AbortError", "No passkey was added."),
        ("SecurityError", "This browser could not create a passkey here."),
        ("NotSupportedError", "This browser could not create a passkey here."),
    ] {
        let fail = "const { create } = CredentialsContainer.prototype;
            CredentialsContainer.prototype.create = () => {
                CredentialsContainer.prototype.create = create;
                return Promise.reject(new DOMException('', given));
            };";
        account.chromium.run(fail, json!(error)).await;
        account.press("#add").await;
        account.problem_is(words).await;
    }
    // The same authenticator has one already.
    account.press("#add").await;
    account.problem_is("This device or password manager has a passkey").await;

    account.press("#passkeys button").await;
    account.dialog("dialog").await;
    account.enter("dialog-input", "<b>Desk</b>").await;
    account.press("dialog[open] [type=submit]").await;
    let shown = account.said("The passkey has its new name.").await;
    assert!(shown["view"].as_str().unwrap().contains("<b>Desk</b>"), "{shown}");

    // The passkey is itself a proof.
    account.age();
    account.press("#passkeys button:last-child").await;
    account.agree().await;
    account.dialog("proof").await;
    account.press("#proof-by-passkey").await;
    account.said("The passkey is removed.").await;
    let passkeys = account.person.login().await.client.get("/v1/passkeys").await.expect(200).body;
    assert_eq!(passkeys, json!({ "passkeys": [] }));
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unverified_passkey_is_marked() {
    let test = "account_security::an_unverified_passkey_is_marked";
    let Some(account) = Account::start(test, options()).await else { return };
    account.person.add_passkey(&mut Key::of(Aaguid::new_empty(), account.url())).await.expect(201);
    account.person.add_conditional_passkey(&mut Key::of(Aaguid::new_empty(), account.url())).await.expect(201);
    // As an API answers that names what is unverified.
    let name = "const { parse } = JSON;
        JSON.parse = (...given) => {
            const answer = parse(...given);
            answer?.passkeys?.forEach?.((passkey, place) => { passkey.verified ??= place === 0; });
            return answer;
        };";
    account.chromium.dev_tools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": name })).await;
    account.view("/account/passkeys").await;
    let rows = "return [...document.querySelectorAll('#passkeys > li')].filter((row) => row.textContent.includes('Not confirmed yet')).length";
    assert_eq!(account.chromium.run(rows, Value::Null).await, 1);
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_that_is_gone_is_explained() {
    let test = "account_security::a_passkey_that_is_gone_is_explained";
    let Some(account) = Account::start(test, options()).await else { return };
    let added = account.person.add_passkey(&mut Key::of(Aaguid::new_empty(), account.url())).await.expect(201);
    account.view("/account/passkeys").await;
    account.person.client.delete(&format!("/v1/passkeys/{}", added.text("id"))).await.expect(204);
    account.press("#passkeys button:last-child").await;
    account.agree().await;
    let shown = account.said("This passkey was already removed").await;
    assert!(shown["view"].as_str().unwrap().contains("Your account has no passkey yet."), "{shown}");
    account.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_lost_is_explained() {
    let test = "account_security::an_answer_that_was_lost_is_explained";
    let Some(account) = Account::start(test, options()).await else { return };
    account.view("/account/email").await;
    account.enter("email", NEW_ADDRESS).await;
    account.press("#change [type=submit]").await;
    account.section("confirm").await;
    let code = account.person.client.code_for(NEW_ADDRESS).await;
    // The server changes the address, and its answer does not arrive.
    let lose = "const { fetch } = globalThis;
        globalThis.fetch = async (url, init) => {
            const answer = await fetch(url, init);
            if (!String(url).endsWith('/verify')) return answer;
            globalThis.fetch = fetch;
            throw new TypeError('lost');
        };";
    account.chromium.run(lose, Value::Null).await;
    account.enter("code", &code).await;
    account.press("#with-code [type=submit]").await;
    account.problem_is("We could not reach the server").await;
    account.press("#with-code [type=submit]").await;
    assert_eq!(account.said("Your address is changed.").await["reader"], NEW_ADDRESS);
    assert_ne!(NEW_ADDRESS, ADDRESS);
    account.end().await;
}
