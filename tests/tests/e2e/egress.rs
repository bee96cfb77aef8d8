//! The way out: private certificate authorities, and proxies.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use fake_azure::Server;

use crate::artifacts;
use crate::lab;
use crate::network::{Authority, Proxy, TlsEnd};
use crate::site::{Site, Source};

/// The fake Azure behind TLS, at `https://localhost:<port>`.
fn behind_tls(authority: &Authority) -> (Server, TlsEnd, String) {
    let server = lab::serve(lab::with_events(20));
    let end = TlsEnd::start(authority, "localhost", address(&server));
    let endpoint = format!("https://localhost:{}", end.address().port());
    server.azure().settings_mut().endpoint.clone_from(&endpoint);
    (server, end, endpoint)
}

/// A name that only the proxy knows the way to.
const HIDDEN: &str = "azure.example";
/// What goes with the name there.
const PROXY_LOGIN: &str = "collector:open-sesame-1";

/// The fake Azure behind TLS, at `https://azure.example`, with a proxy in front.
fn behind_a_proxy(authority: &Authority) -> (Server, TlsEnd, Proxy) {
    let server = lab::serve(lab::with_events(20));
    let end = TlsEnd::start(authority, HIDDEN, address(&server));
    server.azure().settings_mut().endpoint = format!("https://{HIDDEN}");
    let authorization = format!("Basic {}", BASE64_STANDARD.encode(PROXY_LOGIN));
    let proxy = Proxy::start(end.address(), Some(authorization));
    (server, end, proxy)
}

/// A source that reads from there.
fn hidden_source(name: &str, keys: &str) -> Source {
    let mut source = Source::azure(name, &format!("https://{HIDDEN}"));
    source.keys = format!("ca = \"private.pem\"\n{keys}");
    source
}

fn address(server: &Server) -> SocketAddr {
    server.endpoint()["http://".len()..]
        .parse()
        .expect("the fake Azure has an address")
}

#[test]
fn a_private_authority_is_trusted_by_the_source_that_names_it_and_by_no_other() {
    let authority = Authority::new();
    let (server, _end, endpoint) = behind_tls(&authority);
    let mut trusting = Source::azure("contoso", &endpoint);
    trusting.keys = "ca = \"private.pem\"".to_owned();
    let site = Site::new(&[trusting, Source::azure("fabrikam", &endpoint)]);
    site.write("private.pem", &authority.pem);
    site.run(&["run", "--once"])
        .exits_with(1)
        .says("refused a server's certificate")
        .says("network.tls");
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    assert_eq!(site.read("fabrikam.ndjson"), "");
}

#[test]
fn an_authority_of_the_system_is_trusted_by_a_source_that_names_none() {
    let authority = Authority::new();
    let (server, _end, endpoint) = behind_tls(&authority);
    let site = Site::new(&[Source::azure("contoso", &endpoint)]);
    site.write("system.pem", &authority.pem);
    let system = site.path("system.pem");
    let system = system.to_str().expect("its name is text");
    site.run_with(&[("SSL_CERT_FILE", system)], &["run", "--once"])
        .exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_ends_the_start() {
    let server = lab::serve(lab::with_events(1));
    let sink = "type = \"http\"\nurl = \"https://localhost:1/\"\nca = \"private.pem\"";
    for (content, words) in [
        (None, "cannot read"),
        (Some(""), "holds no certificate"),
        (
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "cannot be used",
        ),
    ] {
        let mut of_source = Source::azure("contoso", server.endpoint());
        of_source.keys = "ca = \"private.pem\"".to_owned();
        let mut of_sink = Source::azure("contoso", server.endpoint());
        of_sink.sink = sink.to_owned();
        for (source, key) in [(of_source, "contoso\": ca: "), (of_sink, "contoso\": sink.ca: ")] {
            let site = Site::new(&[source]);
            if let Some(content) = content {
                site.write("private.pem", content);
            }
            for command in [["run", "--once"].as_slice(), &["check"]] {
                site.run(command)
                    .exits_with(2)
                    .says(key)
                    .says("private.pem")
                    .says(words);
            }
        }
    }
    assert_eq!(
        server.azure().stats(Utc::now()).counts.requests,
        0,
        "nothing was sent"
    );
}

#[test]
fn a_proxy_carries_everything_and_its_password_is_never_shown() {
    let authority = Authority::new();
    let (server, _end, proxy) = behind_a_proxy(&authority);
    let site = Site::new(&[hidden_source("contoso", "proxy = { file = \"proxy.txt\" }")]);
    site.write("private.pem", &authority.pem);
    site.write(
        "proxy.txt",
        &format!("http://{PROXY_LOGIN}@{}\n", proxy.address()),
    );
    let finished = site.run_with(&[("RUST_LOG", "trace")], &["run", "--once"]);
    finished.exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    let requests = proxy.requests();
    assert!(!requests.is_empty());
    assert!(
        requests
            .iter()
            .all(|line| line == "CONNECT azure.example:443 HTTP/1.1"),
        "{requests:?}"
    );
    let password = PROXY_LOGIN.rsplit(':').next().unwrap_or_default();
    let encoded = BASE64_STANDARD.encode(PROXY_LOGIN);
    for secret in [password, &encoded] {
        assert!(!finished.text().contains(secret), "{}", finished.text());
    }
}

#[test]
fn a_proxy_of_the_environment_is_for_those_who_do_not_say_otherwise_and_never_for_loopback() {
    let authority = Authority::new();
    let (server, _end, proxy) = behind_a_proxy(&authority);
    let near = lab::serve(lab::with_events(10));
    let site = Site::new(&[
        hidden_source("contoso", ""),
        hidden_source("fabrikam", "proxy = false"),
        Source::azure("near", near.endpoint()),
    ]);
    site.write("private.pem", &authority.pem);
    let url = format!("http://{PROXY_LOGIN}@{}", proxy.address());
    site.run_with(&[("ALL_PROXY", &url)], &["run", "--once"])
        .exits_with(1)
        .says("network.dns");
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    assert_eq!(site.read("fabrikam.ndjson"), "");
    assert_eq!(site.ids("near.ndjson"), lab::visible_ids(&near));
    let requests = proxy.requests();
    assert!(
        requests
            .iter()
            .all(|line| line.starts_with("CONNECT azure.example:443 ")),
        "{requests:?}"
    );
}

#[test]
fn a_name_that_is_exempt_from_the_proxy_is_asked_directly() {
    let authority = Authority::new();
    let (_server, _end, proxy) = behind_a_proxy(&authority);
    let site = Site::new(&[hidden_source("contoso", "")]);
    site.write("private.pem", &authority.pem);
    let url = format!("http://{PROXY_LOGIN}@{}", proxy.address());
    for exempt in [HIDDEN, "elsewhere.example, .example"] {
        site.run_with(&[("HTTPS_PROXY", &url), ("NO_PROXY", exempt)], &["run", "--once"])
            .exits_with(1)
            .says("network.dns");
    }
    assert_eq!(proxy.requests(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_refuses_is_named_with_its_reason() {
    let authority = Authority::new();
    let (_server, _end, proxy) = behind_a_proxy(&authority);
    let keys = format!("proxy = \"http://collector:wrong-password@{}\"", proxy.address());
    let site = Site::new(&[hidden_source("contoso", &keys)]);
    site.write("private.pem", &authority.pem);
    let finished = site.run(&["check"]);
    finished
        .exits_with(1)
        .says(&format!(
            "the proxy {} does not connect to azure.example",
            proxy.address()
        ))
        .says("proxy authorization required");
    assert!(!finished.text().contains("wrong-password"), "{}", finished.text());
}

#[test]
fn a_proxy_does_not_open_what_the_sandbox_closes() {
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], 9)), None);
    for (url, allow) in [
        ("https://169.254.169.254/metadata", "https://169.254.169.254"),
        ("https://10.0.0.1/", "https://10.0.0.1"),
        ("https://elsewhere.example/", "https://azure.example"),
    ] {
        let mut source = Source::azure("mallory", allow);
        source.plugin = artifacts::hostile_source().to_owned();
        source.config = format!("attack = \"fetch\"\nurl = \"{url}\"");
        source.keys = format!("proxy = \"http://{}\"", proxy.address());
        let site = Site::new(&[source]);
        site.run(&["run", "--once"]).exits_with(0);
        let seen = site.read("mallory.ndjson");
        assert!(seen.contains("refused"), "{url}: {seen}");
    }
    assert_eq!(proxy.requests(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_cannot_be_used_ends_the_start() {
    let server = lab::serve(lab::with_events(1));
    for (value, words) in [
        ("\"http://user:se cret@proxy.example:3128\"", "http://host:port"),
        ("\"socks5://user:secret@proxy.example:1080\"", "a socks5 proxy"),
        ("{ env = \"NO_SUCH_PROXY\" }", "NO_SUCH_PROXY"),
        ("3128", "or false for none"),
    ] {
        let mut source = Source::azure("contoso", server.endpoint());
        source.keys = format!("proxy = {value}");
        let finished = Site::new(&[source]).run(&["check"]);
        finished.exits_with(2).says("proxy: ").says(words);
        assert!(!finished.text().contains("cret@"), "{}", finished.text());
    }
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    site.run_with(
        &[("HTTPS_PROXY", "socks5://proxy.example:1080")],
        &["run", "--once"],
    )
    .exits_with(2)
    .says("the environment variable HTTPS_PROXY names a socks5 proxy");
    assert_eq!(
        server.azure().stats(Utc::now()).counts.requests,
        0,
        "nothing was sent"
    );
}
