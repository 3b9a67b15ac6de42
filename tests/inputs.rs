//! Inputs as SDKs, browsers, phones and people really send them (docs/api.md, "Conventions").

use local::World;
use serde_json::{Value, json};
use tests::{App, Client, Key, OTHER_PASSWORD, PASSWORD, Person, options, world};

const ADDRESS: &str = "ada@example.org";

/// Spellings of one code that people copy and type.
fn spellings(code: &str) -> Vec<String> {
    let (left, right) = code.split_at(3);
    let full_width = code.chars().map(|c| char::from_u32(u32::from(c) - 0x30 + 0xff10).unwrap());
    vec![
        format!("{left} {right}"),
        format!("{left}-{right}"),
        format!("{left}\u{a0}{right}"),
        format!("{left}\u{2011}{right}"),
        format!("{code}\u{200b}"),
        format!("\u{202a}{code}\u{202c}"),
        full_width.collect(),
    ]
}

#[tokio::test]
async fn null_and_empty_optional_fields_are_absent() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    for absent in [json!(null), json!("")] {
        let login = |field: &str, value: Value| {
            let mut body = person.credentials();
            body[field] = value;
            body
        };
        client.post("/v1/login", login("session", absent.clone())).await.expect(200);
        client.post("/v1/login", login("captcha", absent.clone())).await.expect(200);
        for member in ["transport", "remember_me", "device_name", "device_fingerprint", "device_token"] {
            client.post("/v1/login", login("session", json!({ member: absent }))).await.expect(200);
        }
        client
            .post("/v1/login/passkey/options", json!({ "identifier": absent, "mfa_token": absent }))
            .await
            .expect(200);
        let body = json!({ "password": person.password, "totp_code": absent, "challenge_id": absent, "code": absent, "credential": absent });
        person.client.post("/v1/reauthenticate", body).await.expect(200);
        person.client.post("/v1/logout/all", json!({ "keep_current": true })).await.expect(200);
        person.client.get("/v1/sessions?limit=&cursor=").await.expect(200);

        let address = format!("{}@example.org", if absent.is_null() { "eve" } else { "kim" });
        let body = json!({ "email": address, "password": PASSWORD, "name": absent, "username": absent, "captcha": absent, "session": absent });
        let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
        let code = client.code_for(&address).await;
        let body = json!({ "registration_id": id, "code": code, "token": absent, "session": absent });
        client.post("/v1/register/verify", body).await.expect(201);

        let address = format!("link-{address}");
        client.post("/v1/register", json!({ "email": address, "password": null })).await.expect(202);
        let token = client.link_token_for(&address).await;
        let body = json!({ "token": token, "password": null, "registration_id": absent, "code": absent });
        let token = client.post("/v1/register/verify", body).await.expect(200).text("registration_token");
        let body = json!({ "registration_token": token, "password": PASSWORD, "session": absent });
        client.post("/v1/register/complete", body).await.expect(201);
    }
    let body = json!({ "username": "grace", "password": PASSWORD, "email": null, "name": "" });
    client.post("/v1/register", body).await.expect(201);
}

#[tokio::test]
async fn required_fields_stay_required_and_an_empty_password_is_never_absent() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    for absent in [json!(null), json!("")] {
        for field in ["identifier", "password"] {
            let mut body = person.credentials();
            body[field] = absent.clone();
            assert_eq!(client.post("/v1/login", body).await.expect_problem(400, "invalid_request").fields(), [field]);
        }
        for (path, field) in [
            ("/v1/register/resend", "registration_id"),
            ("/v1/token/refresh", "refresh_token"),
            ("/v1/login/disown", "token"),
            ("/v1/mfa/totp/disable", "code"),
        ] {
            let answer =
                person.client.post(path, json!({ field: absent })).await.expect_problem(400, "invalid_request");
            assert_eq!(answer.fields(), [field], "{path}");
        }
    }
    for (path, body) in [
        ("/v1/register", json!({ "email": "eve@example.org", "password": "" })),
        ("/v1/register/verify", json!({ "token": "x", "password": "" })),
        ("/v1/reauthenticate", json!({ "password": "" })),
    ] {
        let answer = person.client.post(path, body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), ["password"], "{path}");
    }
    // A wrong type is not absent.
    for wrong in [json!(0), json!(false), json!([]), json!({})] {
        let mut body = person.credentials();
        body["session"] = json!({ "device_name": wrong });
        client.post("/v1/login", body).await.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_patch_clears_a_devices_name_and_leaves_its_trust() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let devices = person.client.get("/v1/devices").await.expect(200);
    let path = format!("/v1/devices/{}", devices.body["devices"][0]["id"].as_str().unwrap());
    let named = devices.body["devices"][0]["name"].clone();
    for cleared in [json!(null), json!("")] {
        let answer = person.client.patch(&path, json!({ "name": "Desk", "trusted": null })).await.expect(200);
        assert_eq!(answer.body["name"], "Desk");
        let answer = person.client.patch(&path, json!({ "trusted": null })).await.expect(200);
        assert_eq!(answer.body["name"], "Desk");
        let answer = person.client.patch(&path, json!({ "name": cleared })).await.expect(200);
        assert_eq!(answer.body["name"], named);
    }
    let mut key = Key::new();
    let passkey = person.add_passkey(&mut key).await.expect(201).text("id");
    for cleared in [json!(null), json!("")] {
        let answer = person.client.patch(&format!("/v1/passkeys/{passkey}"), json!({ "name": cleared })).await;
        answer.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn codes_are_read_as_people_see_them_and_are_good_once() {
    let world = world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let app = person.enable_totp().await;
    let backup_code = app.backup_codes[0].clone();
    let login = async |method: &str, code: &str| {
        let token = person.login_with(json!({})).await.expect(200).text("mfa_token");
        client.post("/v1/login/mfa", json!({ "mfa_token": token, "method": method, "code": code })).await
    };
    for number in 0..spellings("123456").len() {
        let code = app.next_code(&world);
        login("totp", &spellings(&code)[number]).await.expect(200);
        // Every spelling is the same code (CVE-2025-6014).
        for again in [&spellings(&code)[(number + 1) % 7], &spellings(&code)[(number + 2) % 7]] {
            login("totp", again).await.expect_problem(400, "invalid_code");
        }
        world.clock().advance(1000);
    }
    login("backup_code", &backup_code.replace('-', "\u{2013}").to_lowercase()).await.expect(200);
    login("backup_code", &backup_code.replace('-', "\u{2011}")).await.expect_problem(400, "invalid_code");
    login("totp", "123 4567").await.expect_problem(400, "invalid_request");

    let body = json!({ "email": "eve@example.org", "password": PASSWORD });
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    let code = client.code_for("eve@example.org").await;
    for wrong in [json!(123_456), json!("12345"), json!("¹²³⁴⁵⁶")] {
        let body = json!({ "registration_id": id, "code": wrong });
        client.post("/v1/register/verify", body).await.expect_problem(400, "invalid_request");
    }
    let body = json!({ "registration_id": id, "code": spellings(&code)[0] });
    client.post("/v1/register/verify", body).await.expect(201);
}

#[tokio::test]
async fn the_other_routes_with_codes_read_them_alike() {
    let world = world().await;
    world.clock().freeze();
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let secret = person.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret");
    let app = App::new(&secret);
    let code = |number: usize| spellings(&app.next_code(&world)).remove(number);
    person.client.post("/v1/mfa/totp/enable", json!({ "code": code(0) })).await.expect(200);
    let body = json!({ "password": person.password, "totp_code": code(1) });
    person.client.post("/v1/reauthenticate", body).await.expect(200);
    person.client.post("/v1/mfa/backup-codes", json!({ "code": code(3) })).await.expect(200);
    person.client.post("/v1/mfa/totp/disable", json!({ "code": code(6) })).await.expect(204);
}

#[tokio::test]
async fn a_label_never_costs_a_login() {
    let world = world().await;
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    let long = "x".repeat(5000);
    for (label, displayed) in [
        ("iPhone الخاص بـ\u{2068}Ada\u{2069}", Some("iPhone الخاص بـAda")),
        ("Ada's\tPhone\u{202e}", Some("Ada's Phone")),
        (long.as_str(), Some(&long[..100])),
        ("\u{200b}", None),
        ("\u{3164}\u{2800}", None),
    ] {
        let session = json!({ "device_name": label, "device_fingerprint": long });
        let login = person.login_with(session).await.expect(200);
        let client = person.after(&login).client;
        let devices = client.get("/v1/devices").await.expect(200);
        let devices = devices.body["devices"].as_array().unwrap();
        let current = devices.iter().find(|device| device["current"] == true).unwrap();
        assert_eq!(current["name"], displayed.unwrap_or("tests"), "{label:?}");
    }
    let login = person.login_with(json!({ "device_token": long })).await.expect(200);
    assert!(login.body["device_token"].is_string());
}

#[tokio::test]
async fn a_name_that_nobody_can_see_is_refused() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let device =
        person.client.get("/v1/devices").await.expect(200).body["devices"][0]["id"].as_str().unwrap().to_owned();
    for name in
        ["\u{200b}", "\u{3164}", "\u{2800}", "\u{115f}", "\u{e0041}", "a\u{2028}b", "a\u{2029}b", "\u{2068}\u{2069}"]
    {
        let body = json!({ "email": "eve@example.org", "name": name });
        let answer = client.post("/v1/register", body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.fields(), ["name"], "{name:?}");
        let answer = person.client.patch(&format!("/v1/devices/{device}"), json!({ "name": name })).await;
        answer.expect_problem(400, "invalid_request");
    }
    for name in ["👩\u{200d}🚀", "می\u{200c}خواهم", "❤\u{fe0f}"] {
        let answer = person.client.patch(&format!("/v1/devices/{device}"), json!({ "name": name })).await.expect(200);
        assert_eq!(answer.body["name"], name);
    }
}

#[tokio::test]
async fn a_long_password_holds_in_every_normal_form() {
    let world = world().await;
    let client = Client::new(&world);
    let composed = format!("Aa1!{}{}", "ệ".repeat(55), "ộ".repeat(60));
    let decomposed = composed.replace('ệ', "e\u{323}\u{302}").replace('ộ', "o\u{323}\u{302}");
    assert_eq!((composed.chars().count(), decomposed.len()), (119, 579));
    client.post("/v1/register", json!({ "username": "grace", "password": composed })).await.expect(201);
    for password in [&composed, &decomposed] {
        client.post("/v1/login", json!({ "identifier": "grace", "password": password })).await.expect(200);
    }
    // 129 characters are never cut, in either form.
    for letter in ["ệ", "e\u{323}\u{302}"] {
        let body = json!({ "identifier": "grace", "password": letter.repeat(129) });
        client.post("/v1/login", body).await.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_member_that_occurs_twice_is_refused_at_every_depth() {
    let world = world().await;
    let client = Client::new(&world);
    Person::register(&client, ADDRESS).await;
    let json_type = [("content-type", "application/json")];
    for (body, field) in [
        (format!(r#"{{"identifier":"nobody","identifier":"{ADDRESS}","password":"{PASSWORD}"}}"#), "identifier"),
        (format!(r#"{{"identifier":"{ADDRESS}","password":"x","p\u0061ssword":"{PASSWORD}"}}"#), "password"),
        (
            format!(
                r#"{{"identifier":"{ADDRESS}","password":"{PASSWORD}","session":{{"transport":"token","transport":"token"}}}}"#
            ),
            "session.transport",
        ),
    ] {
        let answer = client.send("POST", "/v1/login", &json_type, body.into_bytes()).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), [field]);
    }
    let body = br#"{"email":"a@example.org","email":"b@example.org"}"#.to_vec();
    client.send("POST", "/v1/register", &json_type, body).await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn the_type_of_a_body_is_checked_before_everything_else() {
    let world = world().await;
    let client = Client::new(&world);
    let good = json!({ "identifier": "ada", "password": PASSWORD }).to_string();
    let with_mark = [b"\xef\xbb\xbf".as_slice(), good.as_bytes()].concat();
    client.send("POST", "/v1/login", &[("content-type", "application/json")], with_mark).await.expect(401);
    for accepted in [
        &[("content-type", "application/json; charset=utf-8")][..],
        &[("content-type", "Application/JSON")],
        &[("content-type", "application/vnd.api+json")],
        &[("content-type", "application/json"), ("content-encoding", "identity")],
    ] {
        client.send("POST", "/v1/login", accepted, good.clone().into_bytes()).await.expect(401);
    }
    for refused in [
        &[("content-type", "text/plain")][..],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "multipart/form-data; boundary=x")],
        &[("content-type", "json")],
        &[("content-type", "")],
        &[],
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        &[("content-type", "application/json"), ("content-encoding", "br")],
    ] {
        let answer = client.send("POST", "/v1/login", refused, good.clone().into_bytes()).await;
        answer.expect_problem(415, "unsupported_media_type");
    }
    // Before 401: a client learns of it without a token.
    for (route, _) in crate::bodies::routes() {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace("{id}", "x");
        if path.starts_with("/v1/admin/") {
            let administer =
                async |kind: &str, body: &str| client.signed(method, &path, kind, body, local::SECRET_KEY).await;
            administer("text/plain", "{}").await.expect_problem(415, "unsupported_media_type");
            administer("application/json", &" ".repeat(65_537)).await.expect_problem(413, "payload_too_large");
            continue;
        }
        let text = [("content-type", "text/plain")];
        client.send(method, &path, &text, b"{}".to_vec()).await.expect_problem(415, "unsupported_media_type");
        let json_type = [("content-type", "application/json")];
        client.send(method, &path, &json_type, vec![b' '; 65_537]).await.expect_problem(413, "payload_too_large");
    }
    let answer = client.signed("POST", "/v1/token/introspect", "application/json", "{}", local::SECRET_KEY).await;
    answer.expect_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn some_usernames_are_reserved() {
    let mut options = options();
    options.parameters.insert("ReservedUsernames".to_owned(), "billing, staff".to_owned());
    let world = World::start(options).await.unwrap();
    let client = Client::new(&world);
    for name in ["admin", "ADMIN", "root", "support", "null", "undefined", "Billing", "staff"] {
        let body = json!({ "username": name, "password": OTHER_PASSWORD });
        client.post("/v1/register", body).await.expect_problem(409, "conflict");
        let body = json!({ "email": ADDRESS, "username": name, "password": OTHER_PASSWORD });
        client.post("/v1/register", body).await.expect_problem(409, "conflict");
    }
    for name in ["...", "---", "_._"] {
        let body = json!({ "username": name, "password": OTHER_PASSWORD });
        assert_eq!(
            client.post("/v1/register", body).await.expect_problem(400, "invalid_request").fields(),
            ["username"]
        );
    }
    client.post("/v1/register", json!({ "username": "administer", "password": OTHER_PASSWORD })).await.expect(201);
}

#[tokio::test]
async fn an_address_may_have_hyphens_and_invisible_ends() {
    let world = world().await;
    let client = Client::new(&world);
    for address in ["a@ab--cd.example", "a@r3---sn-abc.example"] {
        client.post("/v1/register", json!({ "email": address })).await.expect(202);
        client.mail_for(address).await;
    }
    let person = Person::register(&client, ADDRESS).await;
    for ends in ["\u{200b}", "\u{feff}", "\u{2060}", "\u{200e}", "\u{202c}", " "] {
        let identifier = format!("{ends}{ADDRESS}{ends}");
        client.post("/v1/login", json!({ "identifier": identifier, "password": person.password })).await.expect(200);
    }
    let body = json!({ "email": "a@xn--a.example" });
    client.post("/v1/register", body).await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_weak_password_costs_little_and_is_limited() {
    let world = tests::strict_world().await;
    world.clock().freeze();
    let client = Client::new(&world);
    // The classes are checked first. They cost nothing, so they are not counted.
    let weak = |password: &str| json!({ "username": "grace", "password": password });
    for _ in 0..70 {
        client.post("/v1/register", weak(&"4@8({[<369".repeat(6))).await.expect_problem(400, "weak_password");
    }
    assert!(world.scan("counters").is_empty());
    for _ in 0..60 {
        client.post("/v1/register", weak("Password1!")).await.expect_problem(400, "weak_password");
    }
    client.post("/v1/register", weak("Password1!")).await.expect_problem(429, "rate_limited");
    client.at("198.51.100.1").post("/v1/register", weak(PASSWORD)).await.expect(201);
}
