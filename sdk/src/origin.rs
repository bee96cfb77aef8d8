//! Where a URL leads: scheme, host and port.

/// Scheme, host and port in comparable form: lower case, the port always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: String,
    /// A name or an address; an IPv6 address in brackets.
    pub host: String,
    /// The explicit port or the scheme's own.
    pub port: u16,
}

impl Origin {
    /// Splits an absolute `http` or `https` URL into its origin and the rest from the path on. None for anything else,
    /// and for an address with user information, which no endpoint needs and which can hide the real host.
    pub fn split(url: &str) -> Option<(Origin, &str)> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, default_port),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        if host.is_empty() || !host.chars().all(plain) || (host.contains(':') && !host.starts_with('[')) {
            return None;
        }
        Some((
            Origin {
                scheme,
                host: host.to_ascii_lowercase(),
                port,
            },
            rest,
        ))
    }

    /// Whether the host is this machine itself, written so that no resolver can make it another.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost"
            || address
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_compare_by_scheme_host_and_port() {
        let same =
            |left: &str, right: &str| Origin::split(left).unwrap().0 == Origin::split(right).unwrap().0;
        assert!(same(
            "https://Management.Azure.com/a?b",
            "https://management.azure.com:443"
        ));
        assert!(!same(
            "https://management.azure.com",
            "http://management.azure.com"
        ));
        assert!(!same(
            "https://management.azure.com",
            "https://management.azure.com:444"
        ));
        assert!(!same(
            "https://management.azure.com",
            "https://management.azure.com.evil.example/"
        ));
    }

    #[test]
    fn what_hides_its_host_is_no_origin() {
        for url in [
            "https://management.azure.com@evil.example/",
            "//management.azure.com/",
            "ftp://management.azure.com/",
            "https://",
            "https://a:b:c/",
            "https://ex ample/",
            "https://host:99999/",
        ] {
            assert_eq!(Origin::split(url), None, "{url}");
        }
    }

    #[test]
    fn loopback_is_known_by_its_address() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost", true),
            ("http://127.0.0.1.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(Origin::split(url).unwrap().0.is_loopback(), expected, "{url}");
        }
    }
}
