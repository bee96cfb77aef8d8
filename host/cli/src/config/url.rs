//! URLs of receivers. A URL may hold a password, so none is ever shown.

use http::Uri;

use headwater::egress::Origin;

/// What the URL of a receiver is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UrlKind {
    /// Everything to post to, with path and query.
    Whole,
    /// What a preset adds its own path to.
    Base,
}

/// Reads the URL of a receiver. The error says what to write instead.
pub(super) fn parse_url(text: &str, kind: UrlKind) -> Result<Uri, &'static str> {
    let whole = "must be a whole URL, for example \"https://collector.example/ingest\"";
    if !text.is_ascii()
        || text
            .bytes()
            .any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
    {
        return Err(
            "must be a URL in ASCII without blanks; write other letters as %XX, and a host name in punycode",
        );
    }
    let (_, rest) = text.split_once("://").ok_or(whole)?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(
            "names a user or a password, which would be shown in messages and is not sent; remove everything up to \
                    the `@`, and use `basic` or `bearer`",
        );
    }
    if text.contains('#') {
        return Err("has a fragment (`#`), which is never sent; remove it");
    }
    if kind == UrlKind::Base && text.contains('?') {
        return Err("has a query (`?`), which does not fit the path that the preset adds; remove it");
    }
    let url: Uri = text.parse().map_err(|_| whole)?;
    if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none_or(str::is_empty) {
        return Err(whole);
    }
    if Origin::of(&url).is_none() {
        return Err(
            "has an impossible port; write one from 1 to 65535, for example \"https://collector.example:8443/ingest\"",
        );
    }
    Ok(url)
}

/// Reads `host:port`. The error says what to write instead.
pub(super) fn check_address(text: &str) -> Result<(), &'static str> {
    let example = "must be a host and a port from 1 to 65535, for example \"127.0.0.1:24224\"";
    if text.contains('@') || text.contains("://") {
        return Err(
            "must be only a host and a port, for example \"127.0.0.1:24224\"; remove scheme, user and password",
        );
    }
    let (host, _) = text.rsplit_once(':').ok_or(example)?;
    let url: Uri = format!("http://{text}/").parse().map_err(|_| example)?;
    let is_plain = url.host() == Some(host) && url.path() == "/";
    (is_plain && Origin::of(&url).is_some())
        .then_some(())
        .ok_or(example)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_cannot_be_meant_are_refused_with_a_remedy() {
        for (text, expected) in [
            (
                "https://user:hunter2@host.example/",
                "remove everything up to the `@`",
            ),
            ("https://hunter2@host.example", "remove everything up to the `@`"),
            ("http://host.example:99999/", "impossible port"),
            ("http://host.example:65536/", "impossible port"),
            ("http://host.example:0/", "impossible port"),
            ("http://host.example:/", "impossible port"),
            ("http://[::1]:/", "impossible port"),
            ("https://host.example/#part", "fragment"),
            ("https://host.example/a b", "blanks"),
            ("https://host.example/ä", "ASCII"),
            ("https://host.example/\n", "blanks"),
            ("ftp://host.example/", "whole URL"),
            ("host.example/ingest", "whole URL"),
            ("https:///ingest", "whole URL"),
            ("https://", "whole URL"),
            ("/ingest", "whole URL"),
            ("http://host:port/", "impossible port"),
        ] {
            let refusal = parse_url(text, UrlKind::Whole).unwrap_err();
            assert!(refusal.contains(expected), "{text}: {refusal}");
            assert!(!refusal.contains("hunter2"), "{text}: {refusal}");
        }
        assert!(parse_url("https://host.example/?a=b", UrlKind::Base).is_err());
    }

    #[test]
    fn urls_of_receivers_are_taken_as_they_are() {
        for text in [
            "https://host.example",
            "https://host.example:8443/ingest?key=a@b",
            "http://127.0.0.1:8080/",
            "http://[::1]:4318/v1/logs",
            "http://HOST.example:80/?query=INSERT%20INTO%20events",
        ] {
            assert!(parse_url(text, UrlKind::Whole).is_ok(), "{text}");
        }
    }

    #[test]
    fn addresses_are_a_host_and_a_possible_port() {
        for text in [
            "127.0.0.1:24224",
            "localhost:1",
            "[::1]:65535",
            "fluent.example:24224",
        ] {
            assert_eq!(check_address(text), Ok(()), "{text}");
        }
        for text in [
            "localhost",
            "localhost:",
            "localhost:0",
            "localhost:99999",
            ":24224",
            "user:hunter2@host:24224",
            "http://host:24224",
            "host:24224/",
            "a b:24224",
            "host:port",
        ] {
            let refusal = check_address(text).unwrap_err();
            assert!(
                refusal.contains("127.0.0.1:24224") && !refusal.contains("hunter2"),
                "{text}: {refusal}"
            );
        }
    }
}
