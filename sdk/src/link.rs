//! Judges the address of a next page before the token is sent there.

use crate::origin::Origin;
use crate::percent;

/// Whether a link leads to the same log at the same upstream: equal scheme, host and port, and a path that is the expected one
/// whatever its letter case. Anything else could hand the token to a stranger.
pub fn leads_to(link: &str, upstream: &str, path: &str) -> bool {
    let (Some((expected, _)), Some((origin, rest))) = (Origin::split(upstream), Origin::split(link)) else {
        return false;
    };
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    origin == expected && rest[..end].eq_ignore_ascii_case(path)
}

/// The link as it can be sent: byte for byte, except for bytes that no request line can carry, and without a fragment,
/// which is never sent.
pub fn sendable(link: &str) -> String {
    percent::make_sendable(link.split('#').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_log_at_the_same_origin_is_followed() {
        let path = "/subscriptions/1/providers/Microsoft.Insights/eventtypes/management/values";
        for (link, expected) in [
            (
                "https://management.azure.com/subscriptions/1/providers/microsoft.insights/EventTypes/management/values?$skiptoken=a;b",
                true,
            ),
            (
                "https://management.azure.com:443/subscriptions/1/providers/microsoft.insights/eventtypes/management/values?x",
                true,
            ),
            (
                "https://management.azure.com/subscriptions/2/providers/microsoft.insights/eventtypes/management/values?x",
                false,
            ),
            (
                "https://management.azure.com/subscriptions/1/providers/microsoft.insights/eventtypes/management/values/../x",
                false,
            ),
            (
                "http://management.azure.com/subscriptions/1/providers/microsoft.insights/eventtypes/management/values?x",
                false,
            ),
            (
                "https://management.azure.com.evil.example/subscriptions/1/providers/microsoft.insights/eventtypes/management/values",
                false,
            ),
            (
                "https://management.azure.com@evil.example/subscriptions/1/providers/microsoft.insights/eventtypes/management/values",
                false,
            ),
            (
                "https://evil.example/subscriptions/1/providers/microsoft.insights/eventtypes/management/values",
                false,
            ),
        ] {
            assert_eq!(
                leads_to(link, "https://management.azure.com", path),
                expected,
                "{link}"
            );
        }
    }
}
