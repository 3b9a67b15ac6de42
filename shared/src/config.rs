//! Configuration: typed, read once from the environment at start, checked as a whole. Every parameter is documented here and
//! once more, for who deploys, at the template's parameter of the same meaning.

use std::fmt;

use crate::{
    clock::Timestamp,
    crypto::{password_hash::Cost, secret::Secret},
    domain::{
        limits::{Limit, Limits},
        password::PasswordPolicy,
        session::Lifetime,
        suspicion::SuspiciousLogin,
    },
    http::Edge,
    store::Tables,
};

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// The tables' names.
    pub tables: Tables,
    /// `KMS_KEY_ID`: the ARN of the key that wraps the purpose keys.
    pub kms_key_id: String,
    /// `PUBLIC_URL`: where clients reach the service, without a path; the issuer of its tokens and the start of its
    /// links. Empty: what `keys-rotate` was told at deployment.
    pub public_url: Option<String>,
    /// `AUDIENCE`: the `aud` of access tokens. Empty: the issuer.
    pub audience: Option<String>,
    /// `PRODUCT_NAME`: as mails and authenticator apps show it; never part of a password.
    pub product_name: String,
    /// `MAIL_FROM`: the sender's address, verified with SES.
    pub mail_from: String,
    /// `MAIL_CONFIGURATION_SET`: the SES configuration set that mails are sent under, which tracks nothing.
    pub mail_configuration_set: Option<String>,
    /// `PASSWORD_POLICY`: `composition` or `length`.
    pub password_policy: PasswordPolicy,
    /// `PASSWORD_COST`: Argon2id's `memory KiB,iterations,parallelism`, at least OWASP's floor.
    pub password_cost: Cost,
    /// `USERNAME_REGISTRATION`: whether an account may be made with a username and a password alone.
    pub username_registration: bool,
    /// `ACCESS_TOKEN_SECONDS`: life of an access token, 60 to 3600.
    pub access_token_seconds: i64,
    /// `SESSION_DAYS`: absolute life of a session.
    pub session_days: i64,
    /// `SESSION_REMEMBER_DAYS`: the same with `remember_me`.
    pub session_remember_days: i64,
    /// `SESSION_IDLE_MINUTES`: a session that is not refreshed for so long has ended; at most its absolute life.
    pub session_idle_minutes: i64,
    /// `SESSION_LIMIT`: how many sessions an account may have; a login beyond ends the one that rested longest. 0: any number.
    pub session_limit: i64,
    /// `SUSPICIOUS_LOGIN`: `alert` or `step-up`.
    pub suspicious_login: SuspiciousLogin,
    /// `TOTP_SKEW_STEPS`: how many steps of 30 seconds before and after the present one a code may be of, 0 or 1.
    pub totp_skew_steps: u16,
    /// `TRUSTED_DEVICE_DAYS`: how long a device that is trusted skips the second factor. 0: none is trusted.
    pub trusted_device_days: i64,
    /// `UNKNOWN_DEVICE_CODE`: whether a login on an unknown device, of an account without a second factor, asks for a mailed code.
    pub unknown_device_code: bool,
    /// `PASSKEY_RP_ID`: the domain that passkeys belong to (WebAuthn's RP ID): the public URL's host or a parent domain of it. Empty: the
    /// host. Another one makes all passkeys useless.
    pub passkey_rp_id: Option<String>,
    /// `AUTHORIZER_CHECKS_SESSION`: whether `authorizer` asks the table if the session still lives.
    pub authorizer_checks_session: bool,
    /// `ALLOWED_ORIGINS`: the origins beside its own whose pages may call the service with credentials.
    pub allowed_origins: Vec<String>,
    /// `GEO_DATABASE`: the path of a MaxMind city database, for places where CloudFront doesn't tell them.
    pub geo_database: Option<String>,
    /// `AUDIT_RETENTION_DAYS`: how long audit events are kept.
    pub audit_retention_days: i64,
    /// `LIMITS`: rate limits that differ from the defaults of [`limits::TABLE`](crate::domain::limits::TABLE).
    pub limits: Limits,
    /// `LIMIT_FACTOR`: multiplies every rate limit; 1 as deployed, 100 on one machine so that nobody trying things out is
    /// locked out.
    pub limit_factor: i64,
    /// `ORIGIN_SECRET`: the value of `X-Origin-Secret` that only the CloudFront distribution knows. Empty: no CloudFront.
    pub origin_secret: Option<Secret>,
}

/// What is wrong with the environment: every fault in it, so that one look is enough to mend it.
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

    fn parsed<T>(&mut self, name: &str, wanted: &str, otherwise: T, parse: impl FnOnce(&str) -> Option<T>) -> T {
        let Some(text) = self.optional(name) else { return otherwise };
        parse(&text).unwrap_or_else(|| {
            self.faults.push(format!("{name} must be {wanted}"));
            otherwise
        })
    }

    fn number(&mut self, name: &str, otherwise: i64, range: std::ops::RangeInclusive<i64>) -> i64 {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        self.parsed(name, &wanted, otherwise, |text| text.parse().ok().filter(|number| range.contains(number)))
    }
}

impl Config {
    /// Reads and checks the whole configuration.
    ///
    /// # Errors
    /// Every missing or bad variable by its name; never a value.
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
            authorizer_checks_session: reader
                .parsed("AUTHORIZER_CHECKS_SESSION", "true or false", false, |text| text.parse().ok()),
            allowed_origins: reader.parsed(
                "ALLOWED_ORIGINS",
                "http(s) origins (scheme, host, port), separated by commas",
                Vec::new(),
                |text| text.split(',').map(str::trim).map(|text| origin(text).then(|| text.to_owned())).collect(),
            ),
            geo_database: reader.optional("GEO_DATABASE"),
            audit_retention_days: reader.number("AUDIT_RETENTION_DAYS", 90, 1..=3650),
            limits: reader.parsed(
                "LIMITS",
                "existing limits as name=limit/seconds, separated by commas",
                Limits::default(),
                Limits::parse,
            ),
            limit_factor: reader.number("LIMIT_FACTOR", 1, 1..=1000),
            origin_secret: reader.optional("ORIGIN_SECRET").map(Secret::new),
        };
        // A session rests between two refreshes, which an access token's life is apart.
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

    /// What requests are trusted for.
    pub fn edge(&self) -> Edge<'_> {
        Edge { origin_secret: self.origin_secret.as_ref(), allowed_origins: &self.allowed_origins }
    }

    /// The lifetime of a session that starts `now`.
    pub fn session_lifetime(&self, remember_me: bool, now: Timestamp) -> Lifetime {
        let days = if remember_me { self.session_remember_days } else { self.session_days };
        Lifetime::new(days, self.session_idle_minutes, now)
    }

    /// A rate limit as this deployment has it.
    pub fn limit(&self, limit: Limit) -> Limit {
        let limit = self.limits.of(limit);
        Limit { limit: limit.limit * self.limit_factor, ..limit }
    }

    /// A limit of guesses as this deployment has it: one that, like a challenge's attempts, isn't multiplied.
    pub fn unmultiplied_limit(&self, limit: Limit) -> Limit {
        self.limits.of(limit)
    }

    /// Reads the configuration from the process's environment, as in Lambda.
    ///
    /// # Errors
    /// As [`Config::from_lookup`].
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::from_lookup(&|name| std::env::var(name).ok())
    }
}

fn public_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
    })
}

/// Whether a browser sends that as an `Origin` (RFC 6454, section 6.2): lower case, without the scheme's own port. Plain HTTP is for
/// pages on the developer's own machine.
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
    let fine_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => domain_name(host),
    };
    let own_port = if secure { 443 } else { 80 };
    let fine_port = port.is_none_or(|text| {
        text.parse::<u16>().is_ok_and(|port| port != own_port && port != 0 && port.to_string() == text)
    });
    fine_host && fine_port && (secure || ["localhost", "127.0.0.1", "[::1]"].contains(&host))
}

/// Whether that is a host's name in lower case.
fn domain_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}

/// OWASP ASVS 5.0, appendix C: the three equivalent floors for Argon2id.
fn password_cost(text: &str) -> Option<Cost> {
    let mut numbers = text.split(',').map(|number| number.trim().parse::<u32>().ok());
    let (memory_kib, iterations, parallelism) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let enough = match iterations {
        0 => false,
        1 => memory_kib >= 47_104,
        2 => memory_kib >= 19_456,
        _ => memory_kib >= 12_288,
    };
    let most = Cost::LIMIT;
    let sane =
        memory_kib <= most.memory_kib && iterations <= most.iterations && (1..=most.parallelism).contains(&parallelism);
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
    fn a_session_rests_longer_than_an_access_token_lives() {
        let changes = [("ACCESS_TOKEN_SECONDS", "600"), ("SESSION_IDLE_MINUTES", "10")];
        assert!(environment(&changes).unwrap_err().to_string().contains("SESSION_IDLE_MINUTES"));
        assert!(environment(&[("SESSION_IDLE_MINUTES", "15")]).is_ok());
    }

    #[test]
    fn passkeys_belong_to_the_public_url_s_domain() {
        let with = |id| environment(&[("PUBLIC_URL", "https://auth.example.com:8443"), ("PASSKEY_RP_ID", id)]);
        assert!(with("auth.example.com").is_ok() && with("example.com").is_ok());
        for id in ["other.example.com", "ample.com", "auth.example.com:8443", "Example.com", "https://example.com"] {
            assert!(with(id).unwrap_err().to_string().contains("PASSKEY_RP_ID"), "{id}");
        }
        assert!(environment(&[("PASSKEY_RP_ID", "example.com")]).is_ok());
    }

    #[test]
    fn origins_are_listed_one_by_one() {
        let config = environment(&[("ALLOWED_ORIGINS", "https://app.example, http://localhost:5173")]).unwrap();
        assert_eq!(config.allowed_origins, ["https://app.example", "http://localhost:5173"]);
        for fine in ["https://a.b-c.example:8443", "http://127.0.0.1", "http://[::1]:3000", "https://[2001:db8::1]"] {
            assert!(origin(fine), "{fine}");
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
    fn every_fault_is_named_and_no_value_is_told() {
        let Err(error) = environment(&[
            ("MAIL_FROM", ""),
            ("ACCESS_TOKEN_SECONDS", "5"),
            ("PASSWORD_POLICY", "hunter2"),
            ("PASSWORD_COST", "1024,1,1"),
            ("PUBLIC_URL", "https://example.com/"),
            ("ALLOWED_ORIGINS", "https://app.example, *"),
            ("LIMITS", "logins=1/2"),
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
        ] {
            assert!(text.contains(name), "{text}");
        }
        assert!(!text.contains("hunter2"));
    }
}
