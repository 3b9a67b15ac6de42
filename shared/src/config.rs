//! Configuration: read once from the environment at start, and checked as a whole. Each parameter is also documented at
//! its template parameter, for people who deploy.

#[cfg(test)]
mod tests;
mod values;

use std::fmt;

use crate::{
    clock::Timestamp,
    crypto::password_hash::{Cost, Engine},
    domain::{
        brand::{Brand, Color},
        captcha::{CaptchaMode, CaptchaProvider},
        limits::{Limit, Limits},
        login_mail::LoginMailParts,
        oauth::client::Audience,
        password::PasswordPolicy,
        provider::{Hosts, ProviderUrl},
        session::Lifetime,
        suspicion::SuspiciousLogin,
        username::Username,
    },
    error::Error,
    store::Tables,
    webauthn,
};
use values::{android_origin, domain_name, header_name, listed, origin, password_cost, public_url, web_url};

#[derive(Debug, Clone)]
pub struct Config {
    pub tables: Tables,
    /// `KMS_KEY_ID`: the ARN of the key that wraps the purpose keys.
    pub kms_key_id: String,
    /// `PUBLIC_URL`: the URL at which clients reach the service, without a path. Tokens name it as their issuer, and
    /// links start with it. Empty: the URL that `keys-rotate` got at deployment.
    pub public_url: Option<String>,
    /// `AUDIENCE`: the `aud` of access tokens. Empty: the issuer.
    pub audience: Option<String>,
    /// `PRODUCT_NAME`: the name in mails and authenticator apps. Passwords must not contain it.
    pub product_name: String,
    /// `LOGO_URL`, `ACCENT_COLOR`, `TERMS_URL`, `PRIVACY_URL`: the look of the pages, and what their feet link to.
    pub brand: Brand,
    /// `MAIL_FROM`: the sender's address, verified with SES.
    pub mail_from: String,
    /// `MAIL_CONFIGURATION_SET`: the SES configuration set for mails. It tracks nothing.
    pub mail_configuration_set: Option<String>,
    /// `PASSWORD_POLICY`: `composition` or `length`.
    pub password_policy: PasswordPolicy,
    /// `PASSWORD_COST`: Argon2id's `memory KiB,iterations,parallelism`, at least OWASP's floor.
    pub password_cost: Cost,
    /// `PASSWORD_ENGINE`: the implementation of Argon2id, `argon2-rust` or `rustcrypto`.
    pub password_engine: Engine,
    /// `USERNAME_REGISTRATION`: whether an account needs only a username and a password.
    pub username_registration: bool,
    /// `SIGN_UP`: `open`, or `off`, so that nobody can create an account.
    pub sign_up: bool,
    /// `LOGIN_MAIL`: what a login mail holds: `both`, `code` or `link`; `off`: nobody logs in by mail.
    pub login_mail: LoginMailParts,
    /// `EMAIL_LOGIN_CREATES_ACCOUNT`: whether a login by mail with an unknown address creates an account, while `SIGN_UP` is
    /// `open`.
    pub email_login_creates_account: bool,
    /// `ACCESS_TOKEN_SECONDS`: lifetime of an access token, 60 to 3600.
    pub access_token_seconds: i64,
    /// `SESSION_DAYS`: absolute lifetime of a session.
    pub session_days: i64,
    /// `SESSION_REMEMBER_DAYS`: absolute lifetime of a session with `remember_me`.
    pub session_remember_days: i64,
    /// `SESSION_IDLE_MINUTES`: a session without a refresh for so long ends. The absolute lifetime caps it.
    pub session_idle_minutes: i64,
    /// `SESSION_LIMIT`: the number of sessions that an account may have. A further login ends those that were idle longest.
    /// 0: the ceiling of every account.
    pub session_limit: i64,
    /// `SUSPICIOUS_LOGIN`: `alert` or `step-up`.
    pub suspicious_login: SuspiciousLogin,
    /// `TOTP_SKEW_STEPS`: accepted steps of 30 seconds before and after the current one, 0 or 1.
    pub totp_skew_steps: u16,
    /// `TRUSTED_DEVICE_DAYS`: days for which a trusted device skips the second factor. 0: no device is trusted.
    pub trusted_device_days: i64,
    /// `UNKNOWN_DEVICE_CODE`: whether an account without MFA needs a mailed code on an unrecognised device.
    pub unknown_device_code: bool,
    /// `PASSKEY_RP_ID`: the domain that passkeys belong to (WebAuthn's RP ID). It is the public URL's host or a parent
    /// domain of that host. Empty: the host. A change makes all passkeys useless.
    pub passkey_rp_id: Option<String>,
    /// `PASSKEY_ORIGINS`: native apps that may use the passkeys, as Android names them (`android:apk-key-hash:…`). They count
    /// for nothing else.
    pub passkey_origins: Vec<String>,
    /// `AUTHORIZER_CHECKS_SESSION`: whether `authorizer` reads the table to see if the session is active.
    pub authorizer_checks_session: bool,
    /// `AUTHORIZER_AUDIENCES`: the audiences of the tokens that `authorizer` lets in. Empty: the service's own.
    pub authorizer_audiences: Vec<String>,
    /// `CAPTCHA`: `never`, `failures` or `always`.
    pub captcha: CaptchaMode,
    /// `CAPTCHA_PROVIDER`: `altcha`, `recaptcha`, `hcaptcha` or `turnstile`. All except `altcha` need a site key and a secret.
    pub captcha_provider: CaptchaProvider,
    /// `CAPTCHA_SITE_KEY`: the public key that the provider gave the site.
    pub captcha_site_key: Option<String>,
    /// `CAPTCHA_SECRET`: the name of the secret in Secrets Manager that the provider gave the site.
    pub captcha_secret: Option<String>,
    /// `CAPTCHA_COST`: the largest number of a proof of work, 1,000 to 1,000,000. It grows with a network's failures.
    pub captcha_cost: u32,
    /// `PROVIDERS`: the name of the secret in Secrets Manager with the sign-in providers. Empty: none.
    pub providers: Option<String>,
    /// `ALLOWED_ORIGINS`: other origins with pages that may send credentials to the service.
    pub allowed_origins: Vec<String>,
    /// `ALLOWED_HEADERS`: request headers that pages of allowed origins may send, in addition to the usual ones.
    pub allowed_headers: Vec<String>,
    /// `RESERVED_USERNAMES`: usernames that nobody can register, in addition to the usual ones.
    pub reserved_usernames: Vec<Username>,
    /// `GEO_DATABASE`: the path of a MaxMind city database, for requests without CloudFront's location headers.
    pub geo_database: Option<String>,
    /// `AUDIT_RETENTION_DAYS`: days that audit events are kept.
    pub audit_retention_days: i64,
    /// `LIMITS`: rate limits that differ from the defaults in [`limits::TABLE`](crate::domain::limits::TABLE).
    pub limits: Limits,
    /// `LIMIT_FACTOR`: multiplies every rate limit. The default is 1. `cargo run` uses 100, so that experiments lock
    /// nobody out.
    pub limit_factor: i64,
    /// `ORIGIN_SECRET`: the name of the secret in Secrets Manager that a CloudFront distribution sends as `X-Origin-Secret`.
    /// Empty: no CloudFront.
    pub origin_secret: Option<String>,
}

/// All faults of the environment at once, so that one attempt is enough to correct them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "configuration: {}", self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

/// Whether a function demands the names of tables, key and sender at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Required,
    /// For functions that hold no key: they use no table, or only the one of the public keys.
    Optional,
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    names: Names,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn name(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            if self.names == Names::Required {
                self.faults.push(format!("{name} is missing"));
            }
            String::new()
        })
    }

    fn parsed<T>(&mut self, name: &str, expected: &str, default: T, parse: impl FnOnce(&str) -> Option<T>) -> T {
        let Some(text) = self.optional(name) else { return default };
        parse(&text).unwrap_or_else(|| {
            self.faults.push(format!("{name} must be {expected}"));
            default
        })
    }

    fn web_url(&mut self, name: &str) -> Option<String> {
        self.parsed(name, "an https URL", None, |text| web_url(text).then(|| Some(text.to_owned())))
    }

    fn number(&mut self, name: &str, default: i64, range: std::ops::RangeInclusive<i64>) -> i64 {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.parsed(name, &expected, default, |text| text.parse().ok().filter(|number| range.contains(number)))
    }
}

impl Config {
    /// Reads and checks the whole configuration.
    ///
    /// # Errors
    /// Names every missing or invalid variable, and never a value.
    pub fn from_lookup(names: Names, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup, names, faults: Vec::new() };
        let config = Self {
            tables: Tables {
                accounts: reader.name("TABLE_ACCOUNTS"),
                sessions: reader.name("TABLE_SESSIONS"),
                challenges: reader.name("TABLE_CHALLENGES"),
                audit: reader.name("TABLE_AUDIT"),
                counters: reader.name("TABLE_COUNTERS"),
                outbox: reader.name("TABLE_OUTBOX"),
                keyring: reader.name("TABLE_KEYRING"),
                user_keys: reader.name("TABLE_USER_KEYS"),
                clients: reader.name("TABLE_CLIENTS"),
            },
            kms_key_id: reader.name("KMS_KEY_ID"),
            public_url: reader.parsed("PUBLIC_URL", "an http(s) URL without a path", None, |text| {
                public_url(text).then(|| Some(text.to_owned()))
            }),
            audience: reader.optional("AUDIENCE"),
            product_name: reader.optional("PRODUCT_NAME").unwrap_or_else(|| "Latchkey".to_owned()),
            brand: Brand {
                logo_url: reader.web_url("LOGO_URL"),
                accent_color: reader.parsed("ACCENT_COLOR", "# and six hexadecimal digits", None, |text| {
                    Color::parse(text).map(Some)
                }),
                terms_url: reader.web_url("TERMS_URL"),
                privacy_url: reader.web_url("PRIVACY_URL"),
            },
            mail_from: reader.name("MAIL_FROM"),
            mail_configuration_set: reader.optional("MAIL_CONFIGURATION_SET"),
            password_policy: reader.parsed(
                "PASSWORD_POLICY",
                "composition or length",
                PasswordPolicy::Composition,
                |text| match text {
                    "composition" => Some(PasswordPolicy::Composition),
                    "length" => Some(PasswordPolicy::Length),
                    _ => None,
                },
            ),
            password_cost: reader.parsed(
                "PASSWORD_COST",
                "memory KiB,iterations,parallelism: at least 12288,3,1 or 19456,2,1 or 47104,1,1, and at most 65536,6,8",
                Cost::PASSWORD,
                password_cost,
            ),
            password_engine: reader.parsed(
                "PASSWORD_ENGINE",
                "argon2-rust or rustcrypto",
                Engine::default(),
                |text| match text {
                    "argon2-rust" => Some(Engine::Argon2Rust),
                    "rustcrypto" => Some(Engine::RustCrypto),
                    _ => None,
                },
            ),
            username_registration: reader
                .parsed("USERNAME_REGISTRATION", "true or false", true, |text| text.parse().ok()),
            sign_up: reader.parsed("SIGN_UP", "open or off", true, |text| match text {
                "open" => Some(true),
                "off" => Some(false),
                _ => None,
            }),
            login_mail: reader.parsed(
                "LOGIN_MAIL",
                "both, code, link or off",
                LoginMailParts::Both,
                LoginMailParts::parse,
            ),
            email_login_creates_account: reader
                .parsed("EMAIL_LOGIN_CREATES_ACCOUNT", "true or false", true, |text| text.parse().ok()),
            access_token_seconds: reader.number("ACCESS_TOKEN_SECONDS", 600, 60..=3600),
            session_days: reader.number("SESSION_DAYS", 7, 1..=365),
            session_remember_days: reader.number("SESSION_REMEMBER_DAYS", 30, 1..=365),
            session_idle_minutes: reader.number("SESSION_IDLE_MINUTES", 30 * 1440, 5..=365 * 1440),
            session_limit: reader.number("SESSION_LIMIT", 0, 0..=1000),
            suspicious_login: reader.parsed("SUSPICIOUS_LOGIN", "alert or step-up", SuspiciousLogin::Alert, |text| {
                match text {
                    "alert" => Some(SuspiciousLogin::Alert),
                    "step-up" => Some(SuspiciousLogin::StepUp),
                    _ => None,
                }
            }),
            totp_skew_steps: reader
                .parsed("TOTP_SKEW_STEPS", "0 or 1", 1, |text| text.parse().ok().filter(|steps| *steps <= 1)),
            trusted_device_days: reader.number("TRUSTED_DEVICE_DAYS", 30, 0..=365),
            unknown_device_code: reader.parsed("UNKNOWN_DEVICE_CODE", "true or false", false, |text| text.parse().ok()),
            passkey_rp_id: reader.parsed("PASSKEY_RP_ID", "a domain name in lower case", None, |text| {
                domain_name(text).then(|| Some(text.to_owned()))
            }),
            passkey_origins: reader.parsed(
                "PASSKEY_ORIGINS",
                "android:apk-key-hash: and the unpadded base64url SHA-256 hash of a certificate, separated by commas",
                Vec::new(),
                |text| listed(text).map(|text| android_origin(text).then(|| text.to_owned())).collect(),
            ),
            authorizer_checks_session: reader
                .parsed("AUTHORIZER_CHECKS_SESSION", "true or false", false, |text| text.parse().ok()),
            authorizer_audiences: reader.parsed(
                "AUTHORIZER_AUDIENCES",
                "audiences without white space, separated by commas",
                Vec::new(),
                |text| listed(text).map(|text| Some(Audience::parse(text)?.as_str().to_owned())).collect(),
            ),
            captcha: reader.parsed(
                "CAPTCHA",
                "never, failures or always",
                CaptchaMode::Failures,
                CaptchaMode::parse,
            ),
            captcha_provider: reader.parsed(
                "CAPTCHA_PROVIDER",
                "altcha, recaptcha, hcaptcha or turnstile",
                CaptchaProvider::Altcha,
                CaptchaProvider::parse,
            ),
            captcha_site_key: reader.optional("CAPTCHA_SITE_KEY"),
            captcha_secret: reader.optional("CAPTCHA_SECRET"),
            captcha_cost: reader.parsed("CAPTCHA_COST", "a whole number from 1000 to 1000000", 50_000, |text| {
                text.parse().ok().filter(|cost| (1000..=1_000_000).contains(cost))
            }),
            providers: reader.optional("PROVIDERS"),
            allowed_origins: reader.parsed(
                "ALLOWED_ORIGINS",
                "http(s) origins (scheme, host, port), separated by commas",
                Vec::new(),
                |text| listed(text).map(|text| origin(text).then(|| text.to_owned())).collect(),
            ),
            allowed_headers: reader.parsed(
                "ALLOWED_HEADERS",
                "names of request headers, separated by commas",
                Vec::new(),
                |text| listed(text).map(|name| header_name(name).then(|| name.to_ascii_lowercase())).collect(),
            ),
            reserved_usernames: reader.parsed(
                "RESERVED_USERNAMES",
                "usernames, separated by commas",
                Vec::new(),
                |text| listed(text).map(|name| Username::parse(name).ok()).collect(),
            ),
            geo_database: reader.optional("GEO_DATABASE"),
            audit_retention_days: reader.number("AUDIT_RETENTION_DAYS", 90, 1..=3650),
            limits: reader.parsed(
                "LIMITS",
                "limits that docs/security.md names, as name=limit/seconds, separated by commas",
                Limits::default(),
                Limits::parse,
            ),
            limit_factor: reader.number("LIMIT_FACTOR", 1, 1..=1000),
            origin_secret: reader.optional("ORIGIN_SECRET"),
        };
        // An active session refreshes once per access token, so the idle time must be longer than a token's lifetime.
        if config.session_idle_minutes * 60 <= config.access_token_seconds {
            reader.faults.push("SESSION_IDLE_MINUTES must be longer than ACCESS_TOKEN_SECONDS".to_owned());
        }
        let has_keys = config.captcha_site_key.is_some() && config.captcha_secret.is_some();
        if config.captcha_provider != CaptchaProvider::Altcha && !has_keys {
            reader.faults.push("CAPTCHA_PROVIDER needs CAPTCHA_SITE_KEY and CAPTCHA_SECRET".to_owned());
        }
        let host = config.public_url.as_deref().and_then(|url| url.split_once("://")).map(|(_, host)| host);
        let host = host.map(|host| host.rsplit_once(':').map_or(host, |(host, _)| host));
        if let Some((id, host)) = config.passkey_rp_id.as_deref().zip(host)
            && !webauthn::is_usable_id(id, host)
        {
            reader.faults.push("PASSKEY_RP_ID must be PUBLIC_URL's host or a parent domain of that host".to_owned());
        }
        if reader.faults.is_empty() { Ok(config) } else { Err(ConfigError(reader.faults)) }
    }

    /// The lifetime of a session that starts `now`.
    pub fn session_lifetime(&self, remember_me: bool, now: Timestamp) -> Lifetime {
        let days = if remember_me { self.session_remember_days } else { self.session_days };
        Lifetime::new(days, self.session_idle_minutes, now)
    }

    /// Requires that accounts can be created.
    ///
    /// # Errors
    /// `forbidden` while sign-up is off.
    pub const fn require_sign_up(&self) -> Result<(), Error> {
        if self.sign_up { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// The hosts at which sign-in providers may be. Only the local server's own URL is at loopback.
    pub fn provider_hosts(&self) -> Hosts {
        let parse = |hosts| self.public_url.as_deref().and_then(|url| ProviderUrl::parse(url, hosts));
        let is_local = parse(Hosts::Public).is_none() && parse(Hosts::Loopback).is_some();
        if is_local { Hosts::Loopback } else { Hosts::Public }
    }

    /// Whether a login by mail with an unknown address creates an account.
    pub const fn login_mail_creates_account(&self) -> bool {
        self.sign_up && self.email_login_creates_account
    }

    /// A rate limit, with this deployment's changes and factor.
    pub fn limit(&self, limit: Limit) -> Limit {
        let limit = self.limits.get(limit);
        Limit { limit: limit.limit * self.limit_factor, ..limit }
    }

    /// A limit on guesses, with this deployment's changes. `LIMIT_FACTOR` does not multiply it, as it does not multiply
    /// a challenge's attempts.
    pub fn unmultiplied_limit(&self, limit: Limit) -> Limit {
        self.limits.get(limit)
    }

    /// Reads the configuration from the process's environment.
    ///
    /// # Errors
    /// As [`Config::from_lookup`].
    pub fn from_environment(names: Names) -> Result<Self, ConfigError> {
        Self::from_lookup(names, &|name| std::env::var(name).ok())
    }
}
