//! Names of servers that a third party chooses, such as the endpoints in a sign-in provider's metadata. They must not lead into a
//! private network. The addresses that are checked are those that are connected to, so a name that changes them wins nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

/// The names of AWS's own endpoints. They may be at private addresses, in a VPC.
const OF_AWS: [&str; 5] = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws", ".aws.dev"];

/// Resolves names by the system, and refuses those with an address that is not public.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicNames;

impl ResolveDns for PublicNames {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            let addresses: Vec<IpAddr> = found.map(|address: SocketAddr| address.ip()).collect();
            // The SDK's endpoint may be set to loopback, for tests of one function.
            let is_trusted = OF_AWS.iter().any(|ending| name.ends_with(ending)) || name == "localhost";
            if is_trusted || addresses.iter().copied().all(is_public) {
                Ok(addresses)
            } else {
                Err(ResolveDnsError::new("the name has an address that is not public"))
            }
        })
    }
}

/// Whether an address is reachable from everywhere (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_special = matches!(first, 0 | 10 | 127 | 224..=255)
        || (first == 100 && (64..128).contains(&second))
        || (first == 169 && second == 254)
        || (first == 172 && (16..32).contains(&second))
        || (first == 192 && (second == 168 || second == 0 && (third == 0 || third == 2)))
        || (first == 192 && second == 88 && third == 99)
        || (first == 198 && (second == 18 || second == 19 || second == 51 && third == 100))
        || (first == 203 && second == 0 && third == 113);
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, ..] = address.segments();
    // 64:ff9b::/96 and 2002::/16 hold an IPv4 address.
    let [.., high, low] = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match first {
        0x64 if second == 0xff9b && third == 0 => embedded(high, low),
        0x2002 => embedded(second, third),
        // 2001::/23 are protocols, 2001:db8::/32 documentation; only 2000::/3 is routed.
        0x2001 => second >= 0x200 && second != 0xdb8,
        0x3fff => second > 0xfff,
        first => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_private_networks_are_not_public() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "140.82.121.4",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn a_name_with_a_private_address_is_not_resolved() {
        // An address resolves to itself.
        assert!(PublicNames.resolve_dns("10.0.0.1").await.is_err());
        assert!(PublicNames.resolve_dns("1.1.1.1").await.is_ok());
    }
}
