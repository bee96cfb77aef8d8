//! The way out: private certificate authorities.

use std::net::SocketAddr;

use chrono::Utc;
use fake_azure::Server;

use crate::lab;
use crate::network::{Authority, TlsEnd};
use crate::site::{Site, Source};

/// The fake Azure behind TLS, at `https://localhost:<port>`.
fn behind_tls(authority: &Authority) -> (Server, TlsEnd, String) {
    let server = lab::serve(lab::with_events(20));
    let end = TlsEnd::start(authority, "localhost", address(&server));
    let endpoint = format!("https://localhost:{}", end.address().port());
    server.azure().settings_mut().endpoint.clone_from(&endpoint);
    (server, end, endpoint)
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
