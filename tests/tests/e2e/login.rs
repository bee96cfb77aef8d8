//! Logins without a client secret, through the component and the host.

use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Utc;
use fake_azure::{Azure, Federation, Server};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;

use crate::artifacts;
use crate::lab;
use crate::site::{Site, Source, finish, wait_until};

/// Longer than any login takes, so that only a hang ends here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A certificate and its key, which opens nothing but the fake Azure.
const CERTIFICATE: &str = include_str!("certificate.pem");
const SOME_OF_THE_KEY: &str = "rTnYGgAMZrOMiOC/EZEE3/TW";

/// A key that Entra refuses.
const SHORT_KEY: &str = include_str!("short_key.pem");

/// The example tenant's source with `credential` in place of the secret.
fn source(server: &Server, credential: &str, value: &str) -> Source {
    let mut source = Source::azure("contoso", server.endpoint()).set(credential, value);
    source.plugin = artifacts::azure_activity_with_certificate().to_owned();
    let others = source
        .config
        .lines()
        .filter(|line| !line.starts_with("client_secret"));
    source.config = others.collect::<Vec<_>>().join("\n");
    source
}

#[test]
fn a_certificate_logs_in_once_it_is_registered_and_not_before() {
    let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("the certificate is readable");
    let server = lab::serve(lab::with_events(50));
    let site = Site::new(&[source(
        &server,
        "client_certificate",
        "{ file = \"certificate.pem\" }",
    )]);
    site.write("certificate.pem", CERTIFICATE);
    site.run(&["run", "--once"]).exits_with(1).says("AADSTS700027");
    server.azure().directory.applications[0]
        .certificates
        .push(der.to_vec());
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
}

#[test]
fn a_certificate_that_cannot_serve_is_named_with_its_remedy_and_never_shown() {
    let server = lab::serve(lab::with_events(1));
    let site = Site::new(&[source(
        &server,
        "client_certificate",
        "{ file = \"certificate.pem\" }",
    )]);
    let (certificate, key) = CERTIFICATE.split_at(CERTIFICATE.find("-----BEGIN PRIVATE").expect("a key"));
    let cases = [
        ("no PEM".to_owned(), "holds no certificate"),
        (key.to_owned(), "holds no certificate"),
        (certificate.to_owned(), "holds no private key"),
        (
            CERTIFICATE.replacen("MII", "!!!", 1),
            "certificate that is not Base64",
        ),
        (CERTIFICATE.replace(SOME_OF_THE_KEY, ""), "PKCS#8"),
        (certificate.to_owned() + SHORT_KEY, "less than 2048 bits"),
    ];
    for (pem, remedy) in cases {
        site.write("certificate.pem", &pem);
        let finished = site.run(&["check"]);
        finished.exits_with(2).says("client_certificate").says(remedy);
        assert!(!finished.text().contains(SOME_OF_THE_KEY), "{}", finished.text());
    }
    assert_eq!(
        server.azure().stats(Utc::now()).counts.requests,
        0,
        "nothing was sent"
    );
}

#[test]
fn the_standard_component_names_the_one_that_knows_certificates() {
    let server = lab::serve(lab::with_events(1));
    let mut source = source(&server, "client_certificate", "\"-----BEGIN CERTIFICATE-----\"");
    source.plugin = artifacts::azure_activity().to_owned();
    Site::new(&[source])
        .run(&["check"])
        .exits_with(2)
        .says("azure_activity_certificate.wasm");
    assert_eq!(
        server.azure().stats(Utc::now()).counts.requests,
        0,
        "nothing was sent"
    );
}

#[test]
fn a_federated_token_that_was_replaced_in_its_file_is_used_without_a_restart() {
    let mut azure = lab::with_events(5);
    federate(&mut azure);
    let server = lab::serve(azure);
    let mut source = source(&server, "client_assertion", "{ file = \"token.jwt\" }");
    source.plugin = artifacts::azure_activity().to_owned();
    let site = Site::new(&[source]);
    site.write("token.jwt", &federated_token(1));
    let run = site.start(&["run"]);
    wait_for_tokens(&server, 1);
    site.write("token.jwt", &federated_token(2));
    wait_for_tokens(&server, 2);
    let all = lab::visible_ids(&server);
    wait_until("both subscriptions were read", || {
        site.path("contoso.ndjson").exists() && site.read("contoso.ndjson").lines().count() >= all.len()
    });
    let pid = run.id().to_string();
    let _ = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    finish(run).exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), all);
}

const ISSUER: &str = "https://issuer.example";
const SUBJECT: &str = "job:headwater";
const AUDIENCE: &str = "api://AzureADTokenExchange";

fn federate(azure: &mut Azure) {
    azure.directory.applications[0].federations.push(Federation {
        issuer: ISSUER.to_owned(),
        subject: SUBJECT.to_owned(),
        audience: AUDIENCE.to_owned(),
    });
}

/// What the issuer would write into the file; `number` tells one from the next.
fn federated_token(number: u32) -> String {
    let now = Utc::now().timestamp();
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "RS256", "typ": "JWT"}));
    let claims = part(json!({
        "iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "nbf": now - 60, "exp": now + 3600,
        "jti": number.to_string()
    }));
    format!("{header}.{claims}.c2lnbmF0dXJl")
}

#[track_caller]
fn wait_for_tokens(server: &Server, count: usize) {
    let began = Instant::now();
    while server.azure().stats(Utc::now()).tokens < count {
        assert!(began.elapsed() < PATIENCE, "no login number {count}");
        thread::sleep(Duration::from_millis(50));
    }
}
