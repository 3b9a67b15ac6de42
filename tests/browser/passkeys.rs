use chromium::Chromium;
use serde_json::{Value, json};
use tests::{Client, PASSWORD, Person, events, options};

use super::{chromium, site::Site};

const ADDRESS: &str = "ada@example.org";

/// The script of a page: it uses cookies and a CSRF token, as the README shows.
const PAGE: &str = "
    const csrf = async () => (await (await fetch('/v1/csrf')).json()).csrf_token;
    const call = async (method, path, body) => {
        const headers = { 'x-csrf-token': await csrf() };
        if (body) headers['content-type'] = 'application/json';
        const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
        const text = await answer.text();
        return { status: answer.status, body: text && JSON.parse(text) };
    };
    const post = (path, body) => call('POST', path, body);
    const session = { transport: 'cookie' };
    const login = async (asking, how) => {
        const asked = (await post('/v1/login/passkey/options', asking)).body;
        const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.publicKey);
        const credential = (await navigator.credentials.get({ publicKey, ...how })).toJSON();
        return post('/v1/login/passkey/verify', { challenge_id: asked.challenge_id, credential, session });
    };
    const who = async () => (await fetch('/v1/me')).status;
";

async fn in_page(chromium: &Chromium, script: &str, given: Value) -> Value {
    chromium.run(&format!("{PAGE}{script}"), given).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_registers_uses_and_removes_a_passkey() {
    let Some(chromium) = Chromium::start("browser::passkeys::a_browser_registers_uses_and_removes_a_passkey").await
    else {
        return;
    };
    let site = Site::start(options()).await;
    let Site { world, url, .. } = &site;
    let person = Person::register(&Client::new(world), ADDRESS).await;
    let authenticator = chromium.plug_in().await;
    chromium.client.goto(&format!("{url}/login-disown")).await.unwrap();

    // The page logs in by password, and then makes a passkey.
    let script = "
        await post('/v1/login', { identifier: given.address, password: given.password, session });
        const asked = (await post('/v1/passkeys/options', {})).body;
        const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.publicKey);
        const credential = (await navigator.credentials.create({ publicKey })).toJSON();
        const made = await post('/v1/passkeys', { challenge_id: asked.challenge_id, credential, name: 'Desk' });
        await post('/v1/logout', {});
        return { made, credential, who: await who() };
    ";
    let came = in_page(&chromium, script, json!({ "address": ADDRESS, "password": PASSWORD })).await;
    assert_eq!((&came["made"]["status"], &came["made"]["body"]["name"]), (&json!(201), &json!("Desk")), "{came}");
    assert_eq!(came["made"]["body"]["transports"], json!(["internal"]));
    assert_eq!(came["who"], 401);
    let kept = chromium.dev_tools("WebAuthn.getCredentials", json!({ "authenticatorId": authenticator })).await;
    assert_eq!(kept["credentials"].as_array().unwrap().len(), 1);
    assert_eq!(kept["credentials"][0]["isResidentCredential"], true, "a passkey is found without a name");

    // With the address, without it, and by conditional mediation, as in the field of a login page.
    for (how, given) in [
        ("return login({ identifier: given }, {});", json!(ADDRESS)),
        ("return login({}, {});", Value::Null),
        ("return login({}, { mediation: 'conditional' });", Value::Null),
    ] {
        let script = format!(
            "const come = async () => {{ {how} }}; const came = await come(); const there = await who();
            await post('/v1/logout', {{}}); return {{ came, there }};"
        );
        let came = in_page(&chromium, &script, given).await;
        assert_eq!((&came["came"]["status"], &came["there"]), (&json!(200), &json!(200)), "{how}: {came}");
        assert_eq!(came["came"]["body"]["user"]["email"], ADDRESS);
        println!("{how} {} {}", came["came"]["status"], came["came"]["body"]["status"]);
    }

    // As the second factor after the password, and for step-up.
    person.login().await.enable_totp().await;
    let script = "
        const first = (await post('/v1/login', { identifier: given.address, password: given.password, session })).body;
        const second = await login({ mfa_token: first.mfa_token }, {});
        const asked = (await post('/v1/login/passkey/options', {})).body;
        const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.publicKey);
        const credential = (await navigator.credentials.get({ publicKey })).toJSON();
        const again = await post('/v1/reauthenticate', { challenge_id: asked.challenge_id, credential });
        return { first, second, again, who: await who() };
    ";
    let came = in_page(&chromium, script, json!({ "address": ADDRESS, "password": PASSWORD })).await;
    assert_eq!(came["first"]["methods"], json!(["totp", "backup_code", "passkey"]), "{came}");
    assert_eq!((&came["second"]["status"], &came["again"]["status"]), (&json!(200), &json!(200)), "{came}");
    assert_eq!(came["who"], 200);

    // A removed passkey does not log in, although the authenticator still has it.
    let script = "
        const passkeys = (await (await fetch('/v1/passkeys')).json()).passkeys;
        const removed = await call('DELETE', '/v1/passkeys/' + passkeys[0].id);
        await post('/v1/logout', {});
        const came = await login({}, {});
        return { passkeys: passkeys.length, removed: removed.status, status: came.status, code: came.body.code, who: await who() };
    ";
    let came = in_page(&chromium, script, Value::Null).await;
    let expected = json!({ "passkeys": 1, "removed": 204, "status": 400, "code": "unknown_credential", "who": 401 });
    assert_eq!(came, expected);
    // An authenticator in software has a signature counter, which never goes down.
    assert!(events(world, "passkey_signal").is_empty());
    let logins =
        events(world, "login").iter().filter(|(outcome, how)| outcome == "success" && how == "passkey").count();
    assert_eq!(logins, 4, "three by the passkey alone, one by it as the second factor");

    chromium.end().await;
    site.end().await;
}
