//! Origins: `scheme://host[:port]`, the unit in which egress is granted.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

/// A scheme, a host in lower case and a port. Two spellings of one origin are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a request.
    ///
    /// None for whatever no origin can be told of: no host, user information, a scheme other than http and https.
    pub fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri
            .scheme()
            .filter(|scheme| **scheme == Scheme::HTTP || **scheme == Scheme::HTTPS)?;
        let authority = uri.authority()?;
        // `https://granted@elsewhere/` goes to elsewhere and looks granted: nobody needs that spelling.
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        let scheme = if *scheme == Scheme::HTTP { "http" } else { "https" };
        // A port that is no number (`host:`, `host:99999`) must not fall back to the default port.
        let port = match authority.as_str().len() - authority.host().len() {
            0 => default_port(scheme),
            // Nobody can listen on port 0.
            _ => authority.port_u16().filter(|port| *port != 0)?,
        };
        Some(Self {
            scheme,
            host: authority.host().to_ascii_lowercase(),
            port,
        })
    }

    /// Reads an entry of `allow` or of a plan.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what to write instead, in a sentence that shows no password.
    pub fn parse(text: &str) -> Result<Self, String> {
        // A password before the `@` must not be shown, wherever the text goes wrong.
        let shown = text.rsplit_once('@').map(|(_, host)| format!("…@{host}"));
        Self::read(text).map_err(|problem| match shown {
            Some(shown) => problem.replace(text, &shown),
            None => problem,
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let fix = "write an origin, as in \"https://example.com\" or \"https://example.com:8443\"";
        if !text.contains("://") {
            return Err(format!("`{text}` has no scheme; write \"https://{text}\""));
        }
        if text.contains('*') {
            return Err(format!(
                "`{text}` has a wildcard; list every origin by its full name"
            ));
        }
        let uri: Uri = text
            .parse()
            .map_err(|_| format!("`{text}` is not an origin; {fix}"))?;
        let origin = Self::of(&uri).ok_or_else(|| match uri.authority() {
            Some(authority) if authority.as_str().contains('@') => {
                format!(
                    "an origin names no user; remove everything up to the `@` of `…@{}`",
                    authority.host()
                )
            }
            _ => format!("`{text}` is not an https origin; {fix}"),
        })?;
        // The parser adds a `/` to a bare origin, so look at the text for what stands behind the authority.
        let path = &text[text.find("://").map_or(0, |at| at + 3)..];
        if path.find(['/', '?', '#']).is_some_and(|at| path[at..] != *"/") {
            return Err(format!(
                "`{text}` has a path; access is granted to whole origins, write \"{origin}\""
            ));
        }
        Ok(origin)
    }

    /// Reads an entry of `allow`: an origin that may be granted at all.
    ///
    /// # Errors
    ///
    /// It is no origin, or one that nobody may be granted; a sentence that says what to write instead.
    pub fn parse_grant(text: &str) -> Result<Self, String> {
        let origin = Self::parse(text)?;
        if origin.scheme == "http" && !origin.is_loopback() {
            return Err(format!(
                "`{text}` is not encrypted; write \"https://{}\" (http is for loopback addresses only)",
                origin.host
            ));
        }
        Ok(origin)
    }

    /// The host in lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as an address, if it is written as one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .ok()
    }

    /// Whether the host is literally this machine: a loopback address, or the name `localhost`.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .address()
                .is_some_and(|address| address.to_canonical().is_loopback())
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "http" { 80 } else { 443 }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.host)?;
        if self.port != default_port(self.scheme) {
            write!(formatter, ":{}", self.port)?;
        }
        Ok(())
    }
}

/// What a source may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    origins: BTreeSet<Origin>,
    private: bool,
}

impl Grant {
    /// A grant of these origins, and of private addresses behind their names if `private` is set.
    pub fn new(origins: impl IntoIterator<Item = Origin>, private: bool) -> Self {
        Self {
            origins: origins.into_iter().collect(),
            private,
        }
    }

    /// Whether requests to the origin are granted.
    pub fn contains(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }

    /// How many origins are granted.
    pub(super) fn origins(&self) -> usize {
        self.origins.len()
    }

    /// Whether a name may resolve to a private address.
    pub fn allows_private(&self) -> bool {
        self.private
    }

    /// Whether the operator lists an origin whose host is literally this loopback name or address.
    pub fn lists_loopback(&self, host: &str) -> bool {
        self.origins
            .iter()
            .any(|origin| origin.is_loopback() && origin.host.eq_ignore_ascii_case(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_origin_are_equal() {
        let canonical = Origin::parse("https://login.example.com").unwrap();
        for text in [
            "HTTPS://LOGIN.EXAMPLE.COM",
            "https://login.example.com:443",
            "https://login.example.com/",
        ] {
            assert_eq!(Origin::parse(text), Ok(canonical.clone()), "{text}");
        }
        for text in [
            "https://login.example.com:8443",
            "http://login.example.com",
            "https://example.com",
        ] {
            assert_ne!(Origin::parse(text), Ok(canonical.clone()), "{text}");
        }
    }

    #[test]
    fn display_and_parse_are_inverse() {
        for text in [
            "https://example.com",
            "https://example.com:8443",
            "http://127.0.0.1:9",
            "https://[::1]:8443",
        ] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn refused_entries_say_what_to_write() {
        for (text, fix) in [
            ("example.com", "write \"https://example.com\""),
            ("https://example.com/path", "write \"https://example.com\""),
            ("https://example.com?x=1", "write \"https://example.com\""),
            ("https://*.example.com", "list every origin"),
            ("*", "write \"https://*\""),
            ("https://user:pw@example.com", "remove everything up to the `@`"),
            ("user:pw@example.com", "write \"https://…@example.com\""),
            ("https://user:pw@*.example.com", "list every origin"),
            ("https://user:pw@exa mple.com", "write an origin"),
            ("https://example.com:0", "https://example.com:8443"),
            ("http://example.com", "write \"https://example.com\""),
            ("http://localhost.example.com", "loopback"),
            ("ftp://example.com", "https"),
            ("https://example.com:99999", "https://example.com:8443"),
            ("https://example.com:", "https://example.com:8443"),
            ("https://", "write an origin"),
            ("https://a b", "write an origin"),
        ] {
            let refusal = Origin::parse_grant(text).unwrap_err();
            assert!(refusal.contains(fix), "{text}: {refusal}");
            assert!(!refusal.contains("pw"), "{text}: {refusal}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback() {
        for text in [
            "http://127.0.0.1:8080",
            "http://localhost:8080",
            "http://[::1]:1",
            "http://127.9.9.9",
        ] {
            assert!(Origin::parse_grant(text).is_ok(), "{text}");
        }
        for text in [
            "http://example.com",
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
        ] {
            assert!(Origin::parse_grant(text).is_err(), "{text}");
        }
    }

    #[test]
    fn requests_without_a_clear_origin_have_none() {
        for text in [
            "/path",
            "https://granted.example.com@evil.example.com/",
            "ftp://example.com/",
            "https://h:/x",
        ] {
            assert_eq!(Origin::of(&text.parse().unwrap()), None, "{text}");
        }
    }
}
