//! Nothing that a client sends brings the lab down.

use fake_azure::Settings;
use http::{Method, Uri};
use proptest::prelude::*;

use crate::client::Client;

/// Pieces of which targets are made, right and wrong ones.
const PIECES: &[&str] = &[
    "/subscriptions",
    "/aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e",
    "/providers/Microsoft.Insights/eventtypes/management/values",
    "?api-version=2015-04-01",
    "?api-version=2020-01-01",
    "&$filter=",
    "eventTimestamp%20ge%20'2026-05-04T10:00:00Z'",
    "%20and%20",
    "eventTimestamp%20le%20'9999-12-31T23:59:59.9999999Z'",
    "correlationId%20eq%20'",
    "''",
    "'",
    "(",
    "%FF",
    "%C3%BC",
    "&$skipToken=",
    "US1:09223372036854775807:ffffffff",
    ";US0:9223372036854775807:ffffffff",
    ";EU1:-1:",
    "0123456789abcdef",
    "/",
    "&",
    "=",
    ":",
];

fn target() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..12)
        .prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn any_request_gets_an_answer(target in target(), doubled in any::<bool>()) {
        let mut client = Client::new(Settings::default());
        let target = if doubled { target } else { target.replacen("//", "/", 1) };
        prop_assume!(target.parse::<Uri>().is_ok());
        let authorization = format!("Bearer {}", client.token);
        for method in [Method::GET, Method::POST] {
            let status = client.request(method, &target, Some(&authorization)).status().as_u16();
            prop_assert!(status == 200 || (400..500).contains(&status), "{status} for {target}");
        }
    }
}
