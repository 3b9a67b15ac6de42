//! Configuration: read once from the environment at start, and checked as a whole. Each parameter is also documented at
//! its template parameter, for people who deploy.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    clock::Timestamp,
    crypto::{password_hash::Cost, secret::Secret},
    domain::{
        limits::{Limit, Limits},
        password::PasswordPolicy,
        session::Lifetime,
        suspicion::SuspiciousLogin,
        username::Username,
    },
    http::Edge,
    store::Tables,
};

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
    /// `MAIL_FROM`: the sender's address, verified with SES.
    pub mail_from: String,
    /// `MAIL_CONFIGURATION_SET`: the SES configuration set for mails. It tracks nothing.
    pub mail_configuration_set: Option<String>,
    /// `PASSWORD_POLICY`: `composition` or `length`.
    pub password_policy: PasswordPolicy,
    /// `PASSWORD_COST`: Argon2id's `memory KiB,iterations,parallelism`, at least OWASP's floor.
    pub password_cost: Cost,
    /// `USERNAME_REGISTRATION`: whether an account needs only a username and a password.
    pub username_registration: bool,
    /// `ACCESS_TOKEN_SECONDS`: lifetime of an access token, 60 to 3600.
    pub access_token_seconds: i64,
    /// `SESSION_DAYS`: absolute lifetime of a session.
    pub session_days: i64,
    /// `SESSION_REMEMBER_DAYS`: absolute lifetime of a session with `remember_me`.
    pub session_remember_days: i64,
    /// `SESSION_IDLE_MINUTES`: a session without a refresh for so long ends. The absolute lifetime caps it.
    pub session_idle_minutes: i64,
    /// `SESSION_LIMIT`: the number of sessions that an account may have. A further login ends the longest idle session.
    /// 0: any number.
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
    /// `ORIGIN_SECRET`: the value of `X-Origin-Secret`, which only the CloudFront distribution has. Empty: no
    /// CloudFront.
    pub origin_secret: Option<Secret>,
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

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.faults.push(format!("{name} is missing"));
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
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup, faults: Vec::new() };
        let config = Self {
            tables: Tables {
                accounts: reader.required("TABLE_ACCOUNTS"),
                sessions: reader.required("TABLE_SESSIONS"),
                challenges: reader.required("TABLE_CHALLENGES"),
                audit: reader.required("TABLE_AUDIT"),
                counters: reader.required("TABLE_COUNTERS"),
                outbox: reader.required("TABLE_OUTBOX"),
                keyring: reader.required("TABLE_KEYRING"),
                user_keys: reader.required("TABLE_USER_KEYS"),
            },
            kms_key_id: reader.required("KMS_KEY_ID"),
            public_url: reader.parsed("PUBLIC_URL", "an http(s) URL without a path", None, |text| {
                public_url(text).then(|| Some(text.to_owned()))
            }),
            audience: reader.optional("AUDIENCE"),
            product_name: reader.optional("PRODUCT_NAME").unwrap_or_else(|| "Latchkey".to_owned()),
            mail_from: reader.required("MAIL_FROM"),
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
            username_registration: reader
                .parsed("USERNAME_REGISTRATION", "true or false", true, |text| text.parse().ok()),
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
            origin_secret: reader.optional("ORIGIN_SECRET").map(Secret::new),
        };
        // An active session refreshes once per access token, so the idle time must be longer than a token's lifetime.
        if config.session_idle_minutes * 60 <= config.access_token_seconds {
            reader.faults.push("SESSION_IDLE_MINUTES must be longer than ACCESS_TOKEN_SECONDS".to_owned());
        }
        let host = config.public_url.as_deref().and_then(|url| url.split_once("://")).map(|(_, host)| host);
        let host = host.map(|host| host.rsplit_once(':').map_or(host, |(host, _)| host));
        if let Some((id, host)) = config.passkey_rp_id.as_deref().zip(host)
            && host != id
            && !host.ends_with(&format!(".{id}"))
        {
            reader.faults.push("PASSKEY_RP_ID must be PUBLIC_URL's host or a parent domain of that host".to_owned());
        }
        if reader.faults.is_empty() { Ok(config) } else { Err(ConfigError(reader.faults)) }
    }

    /// The parts that decide which senders are trusted.
    pub fn edge(&self) -> Edge<'_> {
        Edge { origin_secret: self.origin_secret.as_ref(), allowed_origins: &self.allowed_origins }
    }

    /// The lifetime of a session that starts `now`.
    pub fn session_lifetime(&self, remember_me: bool, now: Timestamp) -> Lifetime {
        let days = if remember_me { self.session_remember_days } else { self.session_days };
        Lifetime::new(days, self.session_idle_minutes, now)
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
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::from_lookup(&|name| std::env::var(name).ok())
    }
}

/// The entries of a list, separated by commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// Whether `text` is the name of a header (RFC 9110, section 5.1) that a list in a header may hold.
fn header_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn public_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
    })
}

/// Whether a browser could send `text` as an `Origin` (RFC 6454, section 6.2): lower case, without the scheme's default
/// port. Plain HTTP is accepted only for the developer's own machine.
fn origin(text: &str) -> bool {
    let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return false,
    };
    let (host, port) = match rest.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let valid_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => domain_name(host),
    };
    let default_port = if secure { 443 } else { 80 };
    let valid_port = port.is_none_or(|text| {
        text.parse::<u16>().is_ok_and(|port| port != default_port && port != 0 && port.to_string() == text)
    });
    valid_host && valid_port && (secure || ["localhost", "127.0.0.1", "[::1]"].contains(&host))
}

/// Whether `text` is the origin that Android gives an app: the SHA-256 hash of its signing certificate.
fn android_origin(text: &str) -> bool {
    let hash = text.strip_prefix("android:apk-key-hash:");
    hash.is_some_and(|hash| URL_SAFE_NO_PAD.decode(hash).is_ok_and(|hash| hash.len() == 32))
}

/// Whether `text` is a host name in lower case.
fn domain_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}

/// OWASP ASVS 5.0, appendix C: three equivalent floors for Argon2id.
fn password_cost(text: &str) -> Option<Cost> {
    let mut numbers = text.split(',').map(|number| number.trim().parse::<u32>().ok());
    let (memory_kib, iterations, parallelism) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let enough = match iterations {
        0 => false,
        1 => memory_kib >= 47_104,
        2 => memory_kib >= 19_456,
        _ => memory_kib >= 12_288,
    };
    let limit = Cost::LIMIT;
    let sane = memory_kib <= limit.memory_kib
        && iterations <= limit.iterations
        && (1..=limit.parallelism).contains(&parallelism);
    (enough && sane && numbers.next().is_none()).then_some(Cost { memory_kib, iterations, parallelism })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_lookup(&|name| {
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
        for bad in [
            &app[..app.len() - 1],
            &app.to_uppercase(),
            &format!("{app}="),
            "android:apk-key-hash:",
            "https://a.example",
        ] {
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
}
