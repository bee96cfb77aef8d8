//! Secrets and tokens stay where they belong.

use fake_azure::scenario::example;

use crate::lab;
use crate::site::{Site, Source};

#[test]
fn no_secret_or_token_leaves_the_process_at_any_log_level() {
    let refused = format!(
        r#"{{"faults": [{{"on": {{"endpoint": "log", "from": 3, "times": 1}}, "do": "expire_token"}},
            {{"on": {{"endpoint": "log", "from": 4, "times": 1, "subscription": "{}"}}, "do": {{"fail": {{"status": 500}}}}}}]}}"#,
        example::PRODUCTION
    );
    let server = lab::serve_with_faults(lab::with_events(700), &refused);
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let configuration = site.path("headwater.toml");
    for arguments in [["run", "--once"].as_slice(), &["check"], &["state", "show"]] {
        let child = crate::site::headwater(&site.path(""))
            .args(arguments)
            .arg("--config")
            .arg(&configuration)
            .env("RUST_LOG", "trace")
            .spawn()
            .expect("headwater starts");
        let finished = crate::site::finish(child);
        finished.exits_with(0);
        assert_clean(arguments, finished.text().as_bytes());
    }
    for name in ["state.redb", "contoso.ndjson", "contoso.dead.ndjson"] {
        let bytes = std::fs::read(site.path(name)).unwrap_or_default();
        assert_clean(name, &bytes);
    }
}

fn assert_clean(place: impl std::fmt::Debug, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(
        !text.contains(example::CLIENT_SECRET),
        "the secret stands in {place:?}"
    );
    // The fake Azure's tokens are `lab.` and a long run of hexadecimal digits.
    for (position, start) in text.match_indices("lab.") {
        let digits = text[position + start.len()..]
            .bytes()
            .take_while(u8::is_ascii_hexdigit)
            .count();
        assert!(digits < 16, "a token stands in {place:?}");
    }
}
