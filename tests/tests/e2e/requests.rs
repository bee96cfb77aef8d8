//! What leaves the sandbox, request by request: locked, so that a change of a single byte is seen in review.

use fake_azure::scenario::example;

use crate::lab;
use crate::site::{Site, Source};

#[test]
fn a_first_run_sends_exactly_these_requests() {
    let server = lab::serve(lab::with_events(250));
    let source = Source::azure("contoso", server.endpoint())
        .set("subscription_id", &format!("\"{}\"", example::PRODUCTION))
        .set("filter", "{ resource_group = \"o'brien\" }");
    Site::new(&[source]).run(&["run", "--once"]).exits_with(0);
    insta::assert_snapshot!(log(&server));
}

#[test]
fn pages_are_followed_by_their_links() {
    let server = lab::serve(lab::with_events(450));
    let source = Source::azure("contoso", server.endpoint())
        .set("subscription_id", &format!("\"{}\"", example::PRODUCTION))
        .set("window", "\"24h\"");
    Site::new(&[source]).run(&["run", "--once"]).exits_with(0);
    insta::assert_snapshot!(log(&server));
}

fn log(server: &fake_azure::Server) -> String {
    let azure = server.azure();
    let lines: Vec<String> = azure
        .requests()
        .map(|request| {
            let headers = request.headers.join(" ");
            format!(
                "{} {} {}\n  {headers}",
                request.status,
                request.method,
                mask(&request.target)
            )
        })
        .collect();
    lines.join("\n")
}

/// The target without what differs from run to run: instants and page tokens.
fn mask(target: &str) -> String {
    let mut masked = String::new();
    for (index, part) in target.split('&').enumerate() {
        if index > 0 {
            masked.push('&');
        }
        match part.split_once('=') {
            Some((name, _)) if name.to_lowercase().contains("skiptoken") => {
                masked += &format!("{name}=<token>")
            }
            _ => masked += &mask_instants(part),
        }
    }
    masked
}

/// Quotes stand encoded in our own requests, and as they are in the links of the fake Azure.
fn mask_instants(text: &str) -> String {
    let mut masked = text.to_owned();
    for quote in ["%27", "'"] {
        let is_instant = |piece: &str| piece.len() > 16 && piece.starts_with("20") && piece.ends_with('Z');
        let pieces = masked
            .split(quote)
            .map(|piece| if is_instant(piece) { "<instant>" } else { piece });
        masked = pieces.collect::<Vec<_>>().join(quote);
    }
    masked
}
