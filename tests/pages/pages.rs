use serde_json::json;
use std::{collections::BTreeSet, io::Write};

use shared::domain::language::Language;
use tests::{Client, captcha_provider, options, world};

use crate::{
    cookies::browser,
    scenarios::{Scenario, get, only_scenario},
};

/// The pages of docs/api.md, with their titles.
const PAGES: &[(&str, &str)] = &[
    ("/login", "Log in"),
    ("/login/mfa", "Log in"),
    ("/login/email", "Log in"),
    ("/register", "Create an account"),
    ("/verify-email", "Confirm your e\u{2011}mail address"),
    ("/verify-email-notice", "Create an account"),
    ("/forgot-password", "Forgot your password?"),
    ("/reset-password", "Choose a new password"),
    ("/login-disown", "Choose a new password"),
    ("/email-change-undo", "Undo the change of your e\u{2011}mail address"),
];

#[tokio::test]
async fn every_page_is_served_with_a_policy_that_allows_its_own_host_alone() {
    let client = Client::new(&world().await);
    for (path, title) in PAGES {
        for query in ["", "?continue=/account", "?continue=", "?continue=/a%3Fb=c,d", "?x=y&prompt=none&error=%3Cb%3E"]
        {
            let path = format!("{path}{query}");
            let answer = client.get(&path).await.expect(200);
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert_eq!(answer.header("x-frame-options"), "DENY");
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
            assert!(policy.contains("require-trusted-types-for 'script'; trusted-types 'none'"), "{policy}");
            assert!(answer.text.contains(&format!("<title>{title}</title>")), "{path}: {}", answer.text);
            let head = client.send("HEAD", &path, &[], Vec::new()).await.expect(200);
            assert!(head.text.is_empty() && head.header("content-security-policy") == policy, "{path}");
        }
    }
    let root = client.get("/").await.expect(302);
    assert_eq!(root.header("location"), "/account");
}

#[tokio::test]
async fn a_program_that_opens_the_links_of_mails_spends_nothing() {
    let world = world().await;
    let client = Client::new(&world);
    client.post("/v1/register", json!({ "email": "ada@example.org" })).await.expect(202);
    let token = client.link_token_for("ada@example.org").await;
    let stored = tests::everything_stored(&world);
    for (path, _) in PAGES {
        client.get(path).await.expect(200);
    }
    assert_eq!(tests::everything_stored(&world), stored);
    client.post("/v1/register/verify", json!({ "token": token })).await.expect(200);
}

#[tokio::test]
async fn what_a_page_loads_may_be_kept_for_good_and_changes_its_address_with_its_content() {
    let world = world().await;
    let client = Client::new(&world);
    let page = client.get("/login").await.expect(200).text;
    let assets: Vec<&str> = page.split('"').filter(|value| value.starts_with("/assets/")).collect();
    assert!(assets.len() >= 4, "{assets:?}");
    for asset in &assets {
        let answer = client.get(asset).await.expect(200);
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{asset}");
        let kind = if asset.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        client.send("HEAD", asset, &[], Vec::new()).await.expect(200);
        // While another version is deployed.
        let file = asset.splitn(4, '/').nth(3).unwrap();
        assert_eq!(
            client.get(&format!("/assets/0123456789ab/{file}")).await.expect(200).header("cache-control"),
            "no-cache"
        );
    }
    // Compressed, where the browser can read it.
    let plain = client.get(assets[0]).await.expect(200).text;
    for (accepted, encoding) in [("gzip, deflate, br", "gzip"), ("br", ""), ("gzip;q=0", ""), ("*", "")] {
        let answer = client.send("GET", assets[0], &[("accept-encoding", accepted)], Vec::new()).await;
        assert_eq!(answer.header("content-encoding"), encoding, "{accepted}");
        assert_eq!(answer.text, plain, "{accepted}");
        assert!(answer.headers.get_all("vary").iter().any(|value| value == "accept-encoding"));
    }
    let version = assets[0].split('/').nth(2).unwrap();
    for file in [
        "page.html",
        "texts/en/login.json",
        "pages/login.html",
        "client/package.json",
        "client/README.md",
        "scripts/",
        "scripts/..%2fpage.html",
        "../Cargo.toml",
        "scripts/../../Cargo.toml",
        "%2e%2e/%2e%2e/Cargo.toml",
        "",
    ] {
        client.get(&format!("/assets/{version}/{file}")).await.expect(404);
    }
    client.get("/assets/page.css").await.expect(404);
}

#[tokio::test]
async fn a_deployment_has_its_own_name_logo_colours_and_terms() {
    let mut options = options();
    for (name, value) in [
        ("ProductName", "Tulip & Co"),
        ("LogoUrl", "https://cdn.example.com/logo.svg?v=1"),
        ("AccentColor", "#ffd60a"),
        ("TermsUrl", "https://example.com/terms"),
        ("PrivacyUrl", "https://example.com/privacy"),
    ] {
        options.parameters.insert(name.to_owned(), value.to_owned());
    }
    let client = Client::new(&local::World::start(options).await.unwrap());
    let answer = client.get("/login").await.expect(200);
    assert!(answer.header("content-security-policy").contains("img-src 'self' data: https://cdn.example.com;"));
    for part in [
        "<img src=\"https:&#x2f;&#x2f;cdn.example.com&#x2f;logo.svg?v=1\" alt=\"Tulip &amp; Co\"",
        "href=\"https:&#x2f;&#x2f;example.com&#x2f;terms\"",
        "href=\"https:&#x2f;&#x2f;example.com&#x2f;privacy\"",
    ] {
        assert!(answer.text.contains(part), "{part} in {}", answer.text);
    }
    let style = answer.text.split('"').find(|value| value.ends_with("page.css")).unwrap().to_owned();
    let style = client.get(&style).await.expect(200);
    assert!(style.text.ends_with(":root { --accent: #ffd60a; --on-accent: #000000; }\n"), "{}", style.text);
    let brand = client.get("/v1/config").await.expect(200).body["brand"].take();
    assert_eq!(brand["accent_color"], "#ffd60a");
    assert_eq!(brand["name"], "Tulip & Co");
}

#[tokio::test]
async fn the_language_is_that_of_the_link_of_the_choice_or_of_the_browser() {
    let client = Client::new(&world().await);
    for (path, headers, tag) in [
        ("/login", vec![], "en"),
        ("/login?ui_locales=tlh", vec![("accept-language", "tlh;q=0.9, *")], "en"),
        ("/login", vec![("accept-language", "de-AT, de;q=0.9, en;q=0.8")], "de"),
        ("/login", vec![("accept-language", "en;q=0.5, fr-CA;q=0.9")], "fr"),
        ("/login", vec![("cookie", "__Host-language=ja"), ("accept-language", "de")], "ja"),
        ("/login?ui_locales=tlh%20es-MX", vec![("cookie", "__Host-language=ja")], "es"),
        ("/login?continue=/oauth2/authorize%3Fui_locales%3Dar", vec![("accept-language", ";;q=x,,")], "ar"),
        ("/login?continue=/oauth2/authorize%3Fui_locales%3Dar", vec![("cookie", "__Host-language=de")], "de"),
        ("/login", vec![("cookie", "__Host-language=%00"), ("accept-language", "\u{fffd}")], "en"),
        ("/login", vec![("cookie", "__Host-language=de; __Host-language=fr")], "en"),
    ] {
        let answer = client.send("GET", path, &headers, Vec::new()).await.expect(200);
        let direction = if tag == "ar" { "rtl" } else { "ltr" };
        let start = format!("<html lang=\"{tag}\" dir=\"{direction}\"");
        assert!(answer.text.contains(&start), "{path} {headers:?}: {}", &answer.text[..80]);
    }
}

#[tokio::test]
async fn every_page_exists_in_every_language() {
    let client = Client::new(&world().await);
    let account = ["", "profile", "password", "email", "mfa", "passkeys", "identities", "sessions", "activity", "data"];
    let account = account.map(|page| format!("/account/{page}").trim_end_matches('/').to_owned());
    // What the page has of its own: behind the states that all pages have.
    let words = |page: &str| {
        let (_, rest) = page.split_once("id=\"without-cookies\"").unwrap();
        rest.split_once("</section>").unwrap().1.split_once("</main>").unwrap().0.to_owned()
    };
    for language in Language::ALL {
        for path in PAGES.iter().map(|(path, _)| (*path).to_owned()).chain(account.clone()) {
            let english = client.get(&format!("{path}?ui_locales=en")).await.expect(200).text;
            let page = client.get(&format!("{path}?ui_locales={}", language.tag)).await.expect(200).text;
            assert!(page.contains(&format!("<html lang=\"{}\"", language.tag)), "{path} {}", language.tag);
            // Each place for a value is filled in. Those of scripts are in the data for them.
            let (data, rest) =
                page.split_once("id=\"texts\">").and_then(|(_, rest)| rest.split_once("</script>")).unwrap();
            assert!(!rest.contains('{') && data.starts_with("{\"common\":{"), "{path} {}", language.tag);
            assert!(language.tag == "en" || words(&page) != words(&english), "{path} {}", language.tag);
        }
    }
}

/// The paths of the modules that a script imports.
fn imports(file: &str, script: &str) -> Vec<String> {
    let base = url::Url::parse(&format!("http://localhost{file}")).unwrap();
    let modules = script.split(" from \".").skip(1).map(|rest| format!(".{}", rest.split_once('"').unwrap().0));
    modules.map(|module| base.join(&module).unwrap().path().to_owned()).collect()
}

/// An import that the page does not name costs a round trip more.
#[tokio::test]
async fn a_page_names_every_module_that_it_loads_and_no_other() {
    let client = Client::new(&world().await);
    let account =
        ["", "/profile", "/password", "/email", "/mfa", "/passkeys", "/identities", "/sessions", "/activity", "/data"];
    let account = account.map(|page| format!("/account{page}"));
    for path in PAGES.iter().map(|(path, _)| (*path).to_owned()).chain(account) {
        let page = client.get(&path).await.expect(200).text;
        let named: BTreeSet<String> = page.split('"').filter(|url| url.ends_with(".js")).map(str::to_owned).collect();
        let entry = page.split_once("<script type=\"module\" src=\"").unwrap().1.split_once('"').unwrap().0;
        let (mut files, mut loaded) = (vec![entry.to_owned()], BTreeSet::new());
        while let Some(file) = files.pop() {
            if loaded.insert(file.clone()) {
                files.extend(imports(&file, &client.get(&file).await.expect(200).text));
            }
        }
        assert_eq!(named, loaded, "{path}");
    }
}

/// Where debug builds have it.
#[tokio::test]
async fn the_pseudo_locale_has_longer_texts_and_is_never_offered() {
    let client = Client::new(&world().await);
    let english = client.get("/login").await.expect(200).text;
    let asked = [
        ("/login?ui_locales=en-x-pseudo", vec![]),
        ("/login", vec![("accept-language", "en-x-pseudo")]),
        ("/login", vec![("cookie", "__Host-language=en-x-pseudo")]),
    ];
    for (path, headers) in asked {
        let page = client.send("GET", path, &headers, Vec::new()).await.expect(200).text;
        if cfg!(debug_assertions) {
            assert!(
                page.contains("<html lang=\"en-x-pseudo\" dir=\"ltr\"") && page.contains("<title>[Ļööĝ îîñ]</title>")
            );
            let texts = |page: &str| {
                let (_, rest) = page.split_once("id=\"texts\">").unwrap();
                rest.split_once("</script>").unwrap().0.chars().count()
            };
            assert!(texts(&page) * 10 > texts(&english) * 12, "with the names of the texts, which stay");
            assert!(page.contains("{wait}"), "the places stay");
        } else {
            assert_eq!(page, english);
        }
        assert!(!page.contains("value=\"en-x-pseudo\""));
    }
    let config = client.get("/v1/config").await.expect(200);
    let offered: Vec<&str> = Language::ALL.iter().map(|language| language.tag).collect();
    assert_eq!(config.body["languages"].as_array().unwrap().len(), offered.len());
    assert!(!config.text.contains("pseudo"));
}

/// The bytes of a text in gzip.
fn compressed(text: &str) -> usize {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap().len()
}

#[tokio::test]
async fn the_login_page_with_all_that_it_loads_is_small_in_every_language() {
    let client = Client::new(&world().await);
    for language in Language::ALL {
        let page = client.get(&format!("/login?ui_locales={}", language.tag)).await.expect(200).text;
        let mut bytes = compressed(&page) + compressed(&client.get("/v1/config").await.expect(200).text);
        let mut files: Vec<String> =
            page.split('"').filter(|url| url.starts_with("/assets/")).map(str::to_owned).collect();
        let mut loaded = BTreeSet::new();
        while let Some(file) = files.pop() {
            if loaded.insert(file.clone()) {
                let text = client.get(&file).await.expect(200).text;
                bytes += compressed(&text);
                files.extend(imports(&file, &text));
            }
        }
        assert!(loaded.len() == 8, "{loaded:?}");
        assert!(bytes <= 30_000, "{bytes} bytes in {}", language.tag);
    }
}

#[tokio::test]
async fn only_the_pages_of_a_login_keep_the_page_that_opened_their_window() {
    let client = Client::new(&world().await);
    let account = ["/account", "/account/password", "/account/identities", "/account/nothing"];
    for path in PAGES.iter().map(|(path, _)| *path).chain(account) {
        let answer = client.get(path).await;
        let popup = ["/login", "/login/mfa", "/register", "/verify-email-notice", "/forgot-password"].contains(&path);
        let policy = if popup { "" } else { "same-origin" };
        assert_eq!(answer.header("cross-origin-opener-policy"), policy, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_page_of_an_account_is_a_page_that_says_so() {
    let client = Client::new(&world().await);
    for path in ["/account/nothing", "/account/passkeys/x", "/account/%3Cscript%3E"] {
        let answer = client.get(path).await.expect(404);
        assert!(answer.text.contains("<h1>This page does not exist</h1>"), "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    }
}

#[tokio::test]
async fn a_place_on_another_host_is_refused() {
    let client = Client::new(&world().await);
    for page in ["/login", "/login/mfa"] {
        for place in [
            "//evil.example",
            "%2F%2Fevil.example",
            "/%5Cevil.example",
            "https:%2F%2Fevil.example",
            "javascript:alert(1)",
            "account",
            "/a%23b",
            "/.%2F%2Fevil.example",
            "/%09/evil.example",
            "//evil.example&continue=/account",
            "/account&continue=/account",
        ] {
            let path = format!("{page}?continue={place}");
            let answer = client.get(&path).await.expect(400);
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert!(
                answer.text.contains("<h1>This link cannot be used</h1>") && !answer.text.contains("evil"),
                "{path}"
            );
            client.send("HEAD", &path, &[], Vec::new()).await.expect(400);
        }
    }
}

/// The policy of every page, with what a widget adds: hosts of scripts, of styles and of connections, frames, and trusted types.
fn policy(added: [&str; 5]) -> String {
    let [scripts, styles, connections, frames, types] = added;
    format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; img-src 'self' data:; \
         connect-src 'self'{connections}{frames}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'{types}"
    )
}

#[tokio::test]
async fn only_pages_that_ask_for_captchas_allow_the_hosts_of_their_provider() {
    const OWN: [&str; 5] = ["", "", "", "", "; require-trusted-types-for 'script'; trusted-types 'none'"];
    const HCAPTCHA: &str = " https://hcaptcha.com https://*.hcaptcha.com";
    for (mode, provider, added) in [
        ("always", "altcha", OWN),
        ("failures", "altcha", OWN),
        ("never", "turnstile", OWN),
        (
            "always",
            "turnstile",
            [" https://challenges.cloudflare.com", "", "", "; frame-src https://challenges.cloudflare.com", ""],
        ),
        (
            "failures",
            "hcaptcha",
            [HCAPTCHA, HCAPTCHA, HCAPTCHA, "; frame-src https://hcaptcha.com https://*.hcaptcha.com", ""],
        ),
        (
            "failures",
            "recaptcha",
            [
                " https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/",
                " 'unsafe-inline'",
                "",
                "; frame-src https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/",
                "; require-trusted-types-for 'script'",
            ],
        ),
    ] {
        let mut options = options();
        for (name, value) in captcha_provider(provider).into_iter().chain([("Captcha", mode)]) {
            options.parameters.insert(name.to_owned(), value.to_owned());
        }
        let client = Client::new(&local::World::start(options).await.unwrap());
        for (path, _) in PAGES.iter().chain(&[("/account", ""), ("/account/password", "")]) {
            let asks =
                ["/login", "/register", "/verify-email-notice", "/forgot-password"].contains(path) && added != OWN;
            let answer = client.get(path).await.expect(200);
            let expected = policy(if asks { added } else { OWN });
            assert_eq!(answer.header("content-security-policy"), expected, "{mode} {provider} {path}");
            // The provider must learn the host of the page, and no more.
            let referrer = if asks { "strict-origin" } else { "no-referrer" };
            assert_eq!(answer.header("referrer-policy"), referrer, "{mode} {provider} {path}");
            assert!(answer.text.contains(&format!("<meta name=\"referrer\" content=\"{referrer}\">")), "{path}");
            let widget = format!("<section id=\"captcha\" data-provider=\"{provider}\"");
            assert_eq!(answer.text.contains(&widget), asks, "{mode} {provider} {path}");
            assert_eq!(answer.text.contains("data-site-key=\"site-key\""), asks, "{mode} {provider} {path}");
        }
        for path in ["/account/nothing", "/login?continue=//evil.example"] {
            let answer = client.get(path).await;
            assert_eq!(answer.header("content-security-policy"), policy(OWN), "{mode} {provider} {path}");
        }
    }
}

#[tokio::test]
async fn the_page_learns_of_the_marker_of_a_session() {
    let world = world().await;
    let ada = browser(&world, "ada@example.org").await;
    let page = ada.get("/login").await.expect(200);
    assert!(page.text.contains("data-session=\"true\""));
    let without = Client::new(&world).get("/login").await.expect(200);
    assert!(without.text.contains("data-session=\"false\""));
    assert_eq!(page.header("content-security-policy"), without.header("content-security-policy"));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("pages").succeeds(200).asks(|_| async { get("/login?continue=/account") })]
}
