//! Paging: links that carry the filter and a skip token, and their recognition, byte for byte.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::DateTime;

use crate::log::Place;
use crate::query;
use crate::time::Instant;

/// Where a running query stands. Everything is in the token; the lab keeps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The page goes on before this place.
    pub before: Place,
    /// When the link was handed out, in whole seconds.
    pub issued: Instant,
    /// Number of the page that the link leads to; the first page of a query is 1 and has no token.
    pub page: u32,
}

/// As Resource Manager writes it, and as Microsoft Graph does.
const OPTIONS: [&str; 2] = ["&$skipToken=", "&$skiptoken="];

/// The path and query of the next page. The token has the service's own form, with the `;` and `:` that strict query
/// parsers stumble over, and ends in a seal over everything before it.
pub fn write(path: &str, api_version: &str, filter: &str, position: Position) -> String {
    let mut target = format!("{path}?api-version={api_version}");
    if !filter.is_empty() {
        target.push_str(&format!("&$filter={}", query::encode_value(filter)));
    }
    seal_onto(target, OPTIONS[0], position)
}

/// The path and query of a further page: what the query was, and a token in this option.
pub fn seal_onto(mut target: String, option: &str, position: Position) -> String {
    target.push_str(&format!(
        "{option}US1:{:020}:{:08x};US0:{}:{:08x};EU1:-1:",
        position.before.ticks,
        position.before.sequence,
        position.issued.timestamp(),
        position.page
    ));
    let seal = seal(&target);
    target.push_str(&seal);
    target
}

/// The position in a request's path and query, or none when it is not, to the last byte, a link that [`write`] made.
pub fn read(target: &str) -> Option<Position> {
    let (sealed, seal_found) = target.split_at_checked(target.rfind(':')? + 1)?;
    if seal(sealed) != seal_found {
        return None;
    }
    token_position(sealed)
}

/// The page number that a target claims, sealed or not; 1 for a target without a token.
pub fn page_number(target: &str) -> u32 {
    token_position(target).map_or(1, |position| position.page)
}

fn token_position(target: &str) -> Option<Position> {
    let (_, token) = OPTIONS.iter().find_map(|option| target.rsplit_once(option))?;
    let mut parts = token.split(';');
    let mut place = parts.next()?.strip_prefix("US1:")?.split(':');
    let mut query = parts.next()?.strip_prefix("US0:")?.split(':');
    Some(Position {
        before: Place {
            ticks: place.next()?.parse().ok()?,
            sequence: u32::from_str_radix(place.next()?, 16).ok()?,
        },
        issued: DateTime::from_timestamp(query.next()?.parse().ok()?, 0)?,
        page: u32::from_str_radix(query.next()?, 16).ok()?,
    })
}

/// Not a secret, only a check sum: it tells a link that was followed from one that was rewritten.
fn seal(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        Position {
            before: Place {
                ticks: 636_528_553_513_810_679,
                sequence: 26,
            },
            issued: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            page: 2,
        }
    }

    #[test]
    fn a_link_followed_byte_for_byte_is_recognised() {
        let link = write("/a/b", "2015-04-01", "eventTimestamp ge 'x'", position());
        assert!(
            link.contains("$filter=eventTimestamp%20ge%20'x'&$skipToken=US1:"),
            "{link}"
        );
        assert_eq!(read(&link), Some(position()));
        assert_eq!(page_number(&link), 2);
    }

    #[test]
    fn a_rewritten_link_is_refused() {
        let link = write("/a/b", "2015-04-01", "eventTimestamp ge 'x'", position());
        let rewritten = [
            link.replace(';', "%3B"),
            link.replace('\'', "%27"),
            link.replace("%20", "+"),
            link.replace("/a/b", "/A/b"),
            link.replace("api-version=2015-04-01&", ""),
            format!("{link}&api-version=2015-04-01"),
            link[..link.len() - 1].to_owned(),
            "/a/b?$skipToken=nonsense".to_owned(),
            "/a/b".to_owned(),
        ];
        for target in rewritten {
            assert_eq!(read(&target), None, "{target}");
        }
    }
}
