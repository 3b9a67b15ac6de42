//! A client's address in its shorter forms.

use std::net::{IpAddr, Ipv6Addr};

/// The truncated address for display: an IPv4 address cut to its /16, an IPv6 address to its /64.
pub fn truncated(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            format!("{a}.{b}.0.0")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
    }
}

/// The network that limits count by: an IPv4 address, or an IPv6 /64, because one subscriber gets a /64.
pub fn for_limits(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(_) => truncated(ip),
    }
}

/// The IPv6 /48 of an address, which one host can get whole. Limits count it too, at [`SITE_FACTOR`] times the limit. An IPv4
/// address has none.
pub fn site_for_limits(ip: IpAddr) -> Option<String> {
    match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Some(format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)))
        }
    }
}

/// How many times the limit of a /64 a /48 gets.
pub const SITE_FACTOR: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_truncated_as_documented() {
        assert_eq!(truncated("192.168.17.4".parse().unwrap()), "192.168.0.0");
        assert_eq!(truncated("2001:db8:85a3:8d3:1319:8a2e:370:7348".parse().unwrap()), "2001:db8:85a3:8d3::");
        assert_eq!(
            for_limits("2001:db8:85a3:8d3::1".parse().unwrap()),
            for_limits("2001:db8:85a3:8d3::2".parse().unwrap())
        );
        let site = |ip: &str| site_for_limits(ip.parse().unwrap());
        assert_eq!(site("2001:db8:85a3:8d3::1").as_deref(), Some("2001:db8:85a3::/48"));
        assert_eq!(site("2001:db8:85a3:1::9"), site("2001:db8:85a3:8d3::1"));
        assert_ne!(site("2001:db8:85a4::1"), site("2001:db8:85a3::1"));
        assert_eq!(site("203.0.113.1"), None);
        assert_ne!(for_limits("203.0.113.1".parse().unwrap()), for_limits("203.0.113.2".parse().unwrap()));
    }
}
