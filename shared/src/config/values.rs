//! Which texts are valid values of the configuration.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::crypto::password_hash::Cost;

/// The entries of a list, separated by commas.
pub(super) fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// Whether `text` is the name of a header (RFC 9110, section 5.1) that a list in a header may hold.
pub(super) fn header_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Whether `text` is an http(s) URL with a host and no path.
pub(super) fn public_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
    })
}

/// Whether `text` is an https URL that can stand in a header and in an attribute as it is.
pub(super) fn web_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    origin(&format!("https://{host}"))
        && text.len() <= 2048
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&()*+=%".contains(&byte))
}

/// Whether a browser could send `text` as an `Origin` (RFC 6454, section 6.2): lower case, without the scheme's default
/// port. Plain HTTP is accepted only for the developer's own machine.
pub(super) fn origin(text: &str) -> bool {
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
pub(super) fn android_origin(text: &str) -> bool {
    let hash = text.strip_prefix("android:apk-key-hash:");
    hash.is_some_and(|hash| URL_SAFE_NO_PAD.decode(hash).is_ok_and(|hash| hash.len() == 32))
}

/// Whether `text` is a host name in lower case.
pub(super) fn domain_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}

/// The cost as `memory KiB,iterations,parallelism`. OWASP ASVS 5.0, appendix C, has three equivalent floors for Argon2id.
pub(super) fn password_cost(text: &str) -> Option<Cost> {
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
