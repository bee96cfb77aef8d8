//! A source in fifty lines: a feed that answers `GET {url}?after=N` with a JSON array of `{"number", "text"}`.

use headwater_source::{Call, Description, Event, Failure, Key, Page, PagedSource, Partition, Source};
use serde::{Deserialize, Serialize};

/// The configuration.
#[derive(Debug, Deserialize)]
pub struct Config {
    url: String,
}

/// An entry of the feed.
#[derive(Debug, Deserialize, Serialize)]
struct Entry {
    number: u64,
    text: String,
}

/// The source.
#[derive(Debug)]
pub struct Feed;

headwater_source::export!(Feed);

impl Source for Feed {
    type Config = Config;

    fn describe() -> Description {
        let (version, homepage) = (env!("CARGO_PKG_VERSION"), "https://example.com");
        Description::new("example-feed", version, "A numbered feed over HTTP", homepage)
            .key(Key::url("url", "URL", "Where the feed is.").required())
    }

    fn partitions(config: &Config, _: &mut Call<'_>) -> Result<Vec<Partition>, Failure> {
        Ok(vec![Partition::new(&config.url, "The feed")])
    }
}

impl PagedSource for Feed {
    /// The number of the last entry that was delivered.
    type Position = u64;

    fn read(
        config: &Config,
        call: &mut Call<'_>,
        _: &str,
        after: Option<&u64>,
    ) -> Result<Page<u64>, Failure> {
        let url = format!("{}?after={}", config.url, after.unwrap_or(&0));
        let entries: Vec<Entry> = call.get(&url)?.json()?;
        let mut page = Page::new();
        for entry in entries {
            page.event(entry.number, Event::json(entry.number.to_string(), &entry)?);
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use headwater_source::testing::{Answers, poll};

    use super::*;

    const CONFIG: &str = r#"{"url":"https://feed.example/entries"}"#;

    #[test]
    fn entries_become_events_and_a_refusal_is_no_empty_page() {
        let mut upstream = Answers::new([(200, r#"[{"number":7,"text":"a"}]"#), (403, "[]")]);
        let batch = poll::<Feed>(&mut upstream, CONFIG, "feed", None).unwrap();
        assert_eq!(batch.events[0].id, "7");
        let error = poll::<Feed>(&mut upstream, CONFIG, "feed", Some(batch.cursor)).unwrap_err();
        assert_eq!(error.code, "upstream.forbidden");
        assert_eq!(upstream.requests[1].url, "https://feed.example/entries?after=7");
    }
}
