//! The list in an answer of Microsoft Graph: `{"value": […], "@odata.nextLink": "…"}`.

use activity_json::{Scanner, Shape};
use headwater_source::error_body::without_mark;
use headwater_source::{Failure, Record, Records, link, parse_time};

use crate::log::Log;

/// Reads a page. Only a list, be it empty, makes one.
///
/// # Errors
///
/// It is something else, is cut off, or leads elsewhere.
pub fn read(body: &[u8], graph: &str, log: Log) -> Result<Records, Failure> {
    let text = String::from_utf8_lossy(without_mark(body));
    let mut page = Records::default();
    let mut has_list = false;
    let mut next = None;
    let mut scanner = Scanner::new(text.as_bytes());
    let passed = scanner.members(|scanner, name| {
        match &*name.decoded() {
            b"value" if scanner.peek() == Some(b'[') => {
                has_list = true;
                return scanner.elements(|scanner| {
                    page.records.push(record(element(scanner, &text)?, log));
                    Some(())
                });
            }
            b"@odata.nextLink" => next = Some(scanner.value()?),
            _ => {
                scanner.value()?;
            }
        }
        Some(())
    });
    if passed.and_then(|()| scanner.end()).is_none() || !has_list {
        return Err(odd("the answer is not a page of records, or is cut off"));
    }
    page.next = match next.map(|value| value.shape()) {
        None | Some(Shape::Null) => None,
        Some(Shape::Text(text)) => {
            let text = text.to_str().into_owned();
            if !link::leads_to(&text, graph, log.path()) {
                return Err(odd("a page names a next page elsewhere, which is not followed"));
            }
            Some(link::sendable(&text))
        }
        Some(_) => return Err(odd("a page names a next page that is not a link")),
    };
    Ok(page)
}

/// The text of the element that comes next.
fn element<'t>(scanner: &mut Scanner<'_>, text: &'t str) -> Option<&'t str> {
    scanner.peek();
    let start = scanner.position();
    scanner.value()?;
    text.get(start..scanner.position())
}

/// What is known of a record before an event is made of it.
fn record(raw: &str, log: Log) -> Record {
    let (mut id, mut time) = (None, None);
    // Whatever else is in there is judged when an event is made of it.
    let _ = Scanner::new(raw.as_bytes()).members(|scanner, name| {
        let value = scanner.value()?;
        let text = value.text().map(|text| text.to_str().into_owned());
        if name.is("id") {
            id = text;
        } else if name.is(log.time()) {
            time = text.and_then(|text| parse_time(&text));
        }
        Some(())
    });
    Record {
        id,
        time,
        raw: raw.to_owned(),
    }
}

fn odd(message: &str) -> Failure {
    Failure::retry("upstream.odd_answer", message)
        .hint("if this continues, look for a proxy that changes answers")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &str = "https://graph.microsoft.com";

    #[test]
    fn records_are_found_as_they_stand_with_id_and_time() {
        let body = r#"{"@odata.context":"…","value":[{"id":"a","activityDateTime":"2026-03-01T00:00:01.5Z" },
            {"id":"\u0062","x":[{"id":"c"}]}, 7],"@odata.nextLink":"https://graph.microsoft.com/v1.0/auditLogs/directoryAudits?$skiptoken=x_1"}"#;
        let page = read(body.as_bytes(), GRAPH, Log::DirectoryAudits).unwrap();
        let ids: Vec<_> = page.records.iter().map(|record| record.id.as_deref()).collect();
        assert_eq!(ids, [Some("a"), Some("b"), None]);
        assert_eq!(page.records[0].time, parse_time("2026-03-01T00:00:01.5Z"));
        assert_eq!(
            page.records[0].raw,
            r#"{"id":"a","activityDateTime":"2026-03-01T00:00:01.5Z" }"#
        );
        assert_eq!(page.records[2].raw, "7");
        assert!(page.next.unwrap().ends_with("$skiptoken=x_1"));
    }

    #[test]
    fn what_is_no_page_is_an_error_and_never_an_empty_page() {
        for body in [
            "",
            "<html>Sign in</html>",
            "[]",
            "null",
            r#"{"error":{"code":"x"}}"#,
            r#"{"value":null}"#,
            r#"{"value":{}}"#,
            r#"{"value":[{"id":"a"}"#,
            r#"{"value":[{"id":"a"}]"#,
            r#"{"value":[]} x"#,
            r#"{"value":[],"@odata.nextLink":7}"#,
            r#"{"value":[],"@odata.nextLink":""}"#,
            r#"{"value":[],"@odata.nextLink":"https://evil.example/v1.0/auditLogs/directoryAudits?x"}"#,
            r#"{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/users?x"}"#,
        ] {
            let failure = read(body.as_bytes(), GRAPH, Log::DirectoryAudits).unwrap_err();
            assert_eq!(failure.code, "upstream.odd_answer", "{body}");
        }
        for body in [
            r#"{"value":[]}"#,
            "\u{feff}{\"value\":[],\"@odata.nextLink\":null}",
        ] {
            assert_eq!(
                read(body.as_bytes(), GRAPH, Log::DirectoryAudits),
                Ok(Records::default()),
                "{body}"
            );
        }
    }
}
