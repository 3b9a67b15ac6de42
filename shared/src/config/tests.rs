use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;

fn environment(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_lookup(Names::Required, &|name| {
        if let Some((_, value)) = changes.iter().find(|(changed, _)| *changed == name) {
            return Some((*value).to_owned());
        }
        (name.starts_with("TABLE_") || ["KMS_KEY_ID", "MAIL_FROM"].contains(&name)).then(|| "x".to_owned())
    })
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = environment(&[]).unwrap();
    assert_eq!((config.access_token_seconds, config.session_days, config.session_remember_days), (600, 7, 30));
    assert_eq!(config.password_cost, Cost::PASSWORD);
}

#[test]
fn the_idle_time_must_exceed_the_lifetime_of_an_access_token() {
    let changes = [("ACCESS_TOKEN_SECONDS", "600"), ("SESSION_IDLE_MINUTES", "10")];
    assert!(environment(&changes).unwrap_err().to_string().contains("SESSION_IDLE_MINUTES"));
    assert!(environment(&[("SESSION_IDLE_MINUTES", "15")]).is_ok());
}

#[test]
fn passkeys_belong_to_the_domain_of_the_public_url() {
    let with = |id| environment(&[("PUBLIC_URL", "https://auth.example.com:8443"), ("PASSKEY_RP_ID", id)]);
    assert!(with("auth.example.com").is_ok() && with("example.com").is_ok());
    for id in ["other.example.com", "ample.com", "auth.example.com:8443", "Example.com", "https://example.com"] {
        assert!(with(id).unwrap_err().to_string().contains("PASSKEY_RP_ID"), "{id}");
    }
    assert!(environment(&[("PASSKEY_RP_ID", "example.com")]).is_ok());
}

#[test]
fn a_captcha_provider_needs_its_keys() {
    let keys = [("CAPTCHA_SITE_KEY", "k"), ("CAPTCHA_SECRET", "name")];
    for provider in ["recaptcha", "hcaptcha", "turnstile"] {
        let with = |keys: &[_]| environment(&[&[("CAPTCHA_PROVIDER", provider)], keys].concat());
        assert!(with(&keys).is_ok());
        for some in [&keys[..0], &keys[..1], &keys[1..]] {
            assert!(with(some).unwrap_err().to_string().contains("CAPTCHA_SITE_KEY and CAPTCHA_SECRET"));
        }
    }
    for (name, wrong) in
        [("CAPTCHA", "sometimes"), ("CAPTCHA_PROVIDER", "none"), ("CAPTCHA_COST", "999"), ("CAPTCHA_COST", "1000001")]
    {
        assert!(environment(&[(name, wrong)]).unwrap_err().to_string().contains(name), "{wrong}");
    }
}

#[test]
fn only_exact_origins_are_accepted() {
    let config = environment(&[("ALLOWED_ORIGINS", "https://app.example, http://localhost:5173")]).unwrap();
    assert_eq!(config.allowed_origins, ["https://app.example", "http://localhost:5173"]);
    for valid in ["https://a.b-c.example:8443", "http://127.0.0.1", "http://[::1]:3000", "https://[2001:db8::1]"] {
        assert!(origin(valid), "{valid}");
    }
    for bad in [
        "*",
        "null",
        "https://",
        "https://App.example",
        "https://app.example:443",
        "https://app.example/",
        "https://app.example:x",
        "https://a:b:c",
        "https://app..example",
        "https://user@app.example",
        "http://app.example",
        "http://localhost:80",
        "app.example",
    ] {
        assert!(!origin(bad), "{bad}");
    }
}

#[test]
fn an_app_is_named_by_the_hash_of_its_certificate() {
    let app = format!("android:apk-key-hash:{}", URL_SAFE_NO_PAD.encode([7; 32]));
    assert!(android_origin(&app));
    for bad in
        [&app[..app.len() - 1], &app.to_uppercase(), &format!("{app}="), "android:apk-key-hash:", "https://a.example"]
    {
        assert!(!android_origin(bad), "{bad}");
    }
}

#[test]
fn every_fault_is_named_and_no_value_is_repeated() {
    let Err(error) = environment(&[
        ("MAIL_FROM", ""),
        ("ACCESS_TOKEN_SECONDS", "5"),
        ("PASSWORD_POLICY", "hunter2"),
        ("PASSWORD_COST", "1024,1,1"),
        ("PUBLIC_URL", "https://example.com/"),
        ("ALLOWED_ORIGINS", "https://app.example, *"),
        ("LIMITS", "logins=1/2"),
        ("ALLOWED_HEADERS", "x-a, x:b"),
        ("RESERVED_USERNAMES", "staff, a@b"),
        ("PASSKEY_ORIGINS", "https://app.example"),
    ]) else {
        panic!("must be refused")
    };
    let text = error.to_string();
    for name in [
        "MAIL_FROM",
        "ACCESS_TOKEN_SECONDS",
        "PASSWORD_POLICY",
        "PASSWORD_COST",
        "PUBLIC_URL",
        "ALLOWED_ORIGINS",
        "LIMITS",
        "ALLOWED_HEADERS",
        "RESERVED_USERNAMES",
        "PASSKEY_ORIGINS",
    ] {
        assert!(text.contains(name), "{text}");
    }
    assert!(!text.contains("hunter2"));
}
