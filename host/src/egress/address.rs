//! Which addresses a granted name may resolve to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::origin::Grant;

/// Why an address is refused; the text completes "… resolves to ADDRESS, which is ".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(&'static str);

impl Refusal {
    /// The kind of address, in words.
    pub fn reason(self) -> &'static str {
        self.0
    }
}

/// Checks an address that `host` resolved to, or that `host` literally is.
///
/// A name that an attacker points at an internal service must not turn the host into a way in, so whatever is not the
/// public internet is refused: always, except that private networks can be opened by `allow_private`, and loopback by
/// listing a loopback origin literally.
///
/// # Errors
///
/// Why nothing is sent to it.
pub fn check(grant: &Grant, host: &str, address: IpAddr) -> Result<(), Refusal> {
    // ::ffff:127.0.0.1 reaches 127.0.0.1, so it is judged as that.
    let kind = match address.to_canonical() {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    };
    match kind {
        Kind::Public => Ok(()),
        Kind::Loopback if grant.lists_loopback(host) => Ok(()),
        Kind::Loopback => Err(Refusal(
            "this machine; list the loopback origin literally in `allow` to reach it",
        )),
        Kind::Private if grant.allows_private() => Ok(()),
        Kind::Private => Err(Refusal(
            "a private network; set `allow_private = true` on the source to reach it",
        )),
        Kind::Never(reason) => Err(Refusal(reason)),
    }
}

enum Kind {
    Public,
    Loopback,
    Private,
    /// Nothing that an operator could mean.
    Never(&'static str),
}

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        [127, ..] => Kind::Loopback,
        // 169.254.169.254 and its neighbours hand out credentials on every cloud.
        [169, 254, ..] => Kind::Never("a link-local address, where clouds keep their metadata service"),
        // Some clouds keep their metadata and platform services outside link-local.
        [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => {
            Kind::Never("a cloud's metadata service")
        }
        [0, ..] => Kind::Never("the unspecified network"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private,
        // Carrier-grade translation (RFC 6598) and benchmarking (RFC 2544) networks are inside somebody's network.
        [100, 64..=127, ..] | [198, 18..=19, ..] => Kind::Private,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Never("a documentation address"),
        [192, 0, 0, _] | [192, 88, 99, _] => Kind::Never("an address that is reserved for a protocol"),
        [224..=239, ..] => Kind::Never("a multicast address"),
        [240..=255, ..] => Kind::Never("a reserved address"),
        _ => Kind::Public,
    }
}

fn kind_of_v6(address: Ipv6Addr) -> Kind {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Never("the unspecified address"),
        // The prefixes below carry an IPv4 address, and a gateway sends the packet there: compatible (RFC 4291),
        // translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056) and Teredo (RFC 4380). Nobody publishes such an
        // address for a service.
        [0, 0, 0, 0, 0, 0, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, ..]
        | [0x2002, ..]
        | [0x2001, 0, ..] => Kind::Never("a translated IPv4 address"),
        [0xfd00, 0xec2, ..] | [0xfd20, 0xce, ..] | [0xfd00, 0xc1, ..] => {
            Kind::Never("a cloud's metadata service")
        }
        [0xfe80..=0xfebf, ..] => Kind::Never("a link-local address"),
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Kind::Private,
        [0x100, 0, 0, 0, ..] => Kind::Never("the discard prefix"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Kind::Never("a documentation address"),
        [0xff00..=0xffff, ..] => Kind::Never("a multicast address"),
        _ => Kind::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::super::origin::Origin;
    use super::*;

    fn allowed(grant: &Grant, host: &str, address: &str) -> bool {
        check(grant, host, address.parse().unwrap()).is_ok()
    }

    const PUBLIC: [&str; 6] = [
        "20.190.128.1",
        "1.1.1.1",
        "100.63.255.255",
        "172.32.0.1",
        "2603:1030::1",
        "::ffff:20.190.128.1",
    ];
    const PRIVATE: [&str; 9] = [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "fd12:3456::1",
        "fec0::1",
        "::ffff:10.0.0.1",
    ];
    const NEVER: [&str; 29] = [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "192.88.99.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::ffff:169.254.169.254",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:1::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "::ffff:0:7f00:1",
        "fe80::1",
        "100::1",
        "2001:db8::1",
        "ff02::1",
    ];
    const LOOPBACK: [&str; 4] = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"];

    #[test]
    fn only_the_public_internet_is_open_by_default() {
        let grant = Grant::default();
        for address in PUBLIC {
            assert!(allowed(&grant, "example.com", address), "{address}");
        }
        for address in PRIVATE.iter().chain(&NEVER).chain(&LOOPBACK) {
            assert!(!allowed(&grant, "example.com", address), "{address}");
        }
    }

    #[test]
    fn private_networks_open_on_request_and_the_rest_never() {
        let grant = Grant::new([], true);
        for address in PRIVATE {
            assert!(allowed(&grant, "example.com", address), "{address}");
        }
        for address in NEVER.iter().chain(&LOOPBACK) {
            assert!(!allowed(&grant, "example.com", address), "{address}");
        }
    }

    #[test]
    fn loopback_opens_only_for_the_host_that_is_listed() {
        let grant = Grant::new(
            ["http://localhost:8080", "http://127.0.0.1:8080"].map(|text| Origin::parse(text).unwrap()),
            false,
        );
        for host in ["localhost", "127.0.0.1"] {
            assert!(allowed(&grant, host, "127.0.0.1"), "{host}");
            assert!(!allowed(&grant, host, "169.254.169.254"), "{host}");
        }
        assert!(!allowed(&grant, "example.com", "127.0.0.1"));
        assert!(!allowed(&grant, "127.0.0.2", "127.0.0.2"));
    }
}
