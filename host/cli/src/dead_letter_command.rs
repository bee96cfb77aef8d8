//! `headwater dead-letter`: list, show and replay what could not be delivered.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use headwater::model::{Attribute, Event};
use headwater::redact::Redactor;
use headwater::redact::printable::printable;
use headwater::sink::{Delivery, Letter, OpenError, Sink, SinkError, Sinks, Undelivered};
use thiserror::Error;

use crate::config::SourceConfig;
use crate::letter_places::{LetterPlaces, PlaceError, Selection};
use crate::table;

/// Events that are handed to a sink at once.
const EVENTS_AT_ONCE: usize = 500;
/// Letters of a reason in the list.
const LONGEST_REASON: usize = 100;

/// A letter on its way to the sink.
struct Replay {
    place: u64,
    partition: String,
    partition_attributes: Vec<Attribute>,
    event: Event,
}

/// Why dead letters cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// They cannot be read or removed.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The sink cannot be opened.
    #[error("source \"{name}\": {source}; nothing was replayed, all letters are kept")]
    Open {
        /// The source.
        name: String,
        /// Why.
        source: OpenError,
    },
}

/// What became of the letters of one source.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Letters whose events were accepted, and that are gone from the list.
    pub accepted: u64,
    /// Letters that stay, because the sink refuses their events still.
    pub refused: u64,
    /// Letters that stay, because they hold no event.
    pub no_event: u64,
    /// Letters that another process replays at the same time.
    pub elsewhere: u64,
    /// Why it ended early: the letters that were not tried stay.
    pub ended: Option<String>,
}

/// A row for each letter: whose, since when, where from, and why. `width` is that of the terminal, if it is one.
pub async fn list(
    places: &LetterPlaces,
    sources: &[Arc<SourceConfig>],
    selection: &Selection,
    width: Option<usize>,
) -> Result<String, PlaceError> {
    let head = ["SOURCE", "TIME", "PARTITION", "ID", "REASON"]
        .map(str::to_owned)
        .to_vec();
    let mut rows = vec![head];
    let read = places.each(sources, selection, |letter| {
        let reason: String = letter.reason.chars().take(LONGEST_REASON).collect();
        let cells = [
            letter.source.as_str(),
            letter.time.as_deref().unwrap_or("-"),
            &letter.partition,
            letter.id.as_deref().unwrap_or("-"),
            &reason,
        ];
        rows.push(cells.map(|cell| printable(cell).into_owned()).to_vec());
    });
    read.await?;
    Ok(table::fit(&rows, width))
}

/// Letters with their whole reason and content.
pub async fn show(
    places: &LetterPlaces,
    sources: &[Arc<SourceConfig>],
    selection: &Selection,
) -> Result<String, PlaceError> {
    let mut text = String::new();
    let read = places.each(sources, selection, |letter| {
        // Writing to text cannot fail.
        let _ = writeln!(
            text,
            "{} {} {}\n  time    {}\n  reason  {}\n  replay  {}\n  {}\n",
            printable(&letter.source),
            printable(&letter.partition),
            printable(letter.id.as_deref().unwrap_or("-")),
            printable(letter.time.as_deref().unwrap_or("-")),
            printable(&letter.reason),
            match letter.to_event() {
                Some(_) => "possible",
                None => "not possible: it is what was read, and no event could be made of it",
            },
            printable(&letter.content()),
        );
    });
    read.await?;
    Ok(text)
}

/// Sends the events of a source's letters to its sink, and removes the letters of those that are accepted.
pub async fn replay(
    places: &LetterPlaces,
    source: &SourceConfig,
    selection: &Selection,
) -> Result<Replayed, ReplayError> {
    let open = |error| ReplayError::Open {
        name: source.name.clone(),
        source: error,
    };
    let mut replayed = Replayed::default();
    let mut parts = places.parts(source, selection)?;
    let mut sink = None;
    while let Some(part) = parts.next().await? {
        let (letters, others): (Vec<_>, Vec<_>) =
            part.into_iter().map(Replay::new).partition(Option::is_some);
        replayed.no_event += others.len() as u64;
        let letters: Vec<Replay> = letters.into_iter().flatten().collect();
        let opened = match (&sink, letters.is_empty()) {
            (_, true) => Ok(None),
            (Some(sink), false) => Ok(Some(sink)),
            // Opened when there is something for it: a file is not created for nothing.
            (None, false) => Sinks::default()
                .open(&source.sink)
                .map(|opened| Some(&*sink.insert(opened))),
        };
        let accepted = match &opened {
            Ok(Some(sink)) => deliver(sink.as_ref(), &source.name, &letters, &mut replayed).await,
            Ok(None) | Err(_) => BTreeSet::new(),
        };
        parts.settle(&accepted).await?;
        opened.map_err(open)?;
        if replayed.ended.is_some() {
            break;
        }
    }
    let (no_event, elsewhere) = parts.untouched().await?;
    replayed.no_event += no_event;
    replayed.elsewhere = elsewhere;
    Ok(replayed)
}

impl Replay {
    /// What is to be sent of a letter; none if it holds no event.
    fn new((place, letter): (u64, Letter)) -> Option<Self> {
        Some(Self {
            place,
            event: letter.to_event()?,
            partition_attributes: letter.partition_attributes(),
            partition: letter.partition,
        })
    }
}

/// Delivers events until the sink is unavailable. Returns the places of those that were accepted.
async fn deliver(
    sink: &dyn Sink,
    source: &str,
    letters: &[Replay],
    replayed: &mut Replayed,
) -> BTreeSet<u64> {
    let redactor = Redactor::default();
    let mut accepted = BTreeSet::new();
    let of_one = |one: &Replay, other: &Replay| {
        one.partition == other.partition && one.partition_attributes == other.partition_attributes
    };
    for part in letters.chunk_by(of_one) {
        for chunk in part.chunks(EVENTS_AT_ONCE) {
            let events: Vec<Event> = chunk.iter().map(|letter| letter.event.clone()).collect();
            let delivery = Delivery {
                source,
                partition: &chunk[0].partition,
                attributes: &chunk[0].partition_attributes,
                events: &events,
                settled: 0,
                redactor: &redactor,
            };
            let (remaining, refused, error) = match sink.deliver(delivery).await {
                Ok(done) => (Vec::new(), done.refused, None),
                Err(Undelivered {
                    remaining,
                    refused,
                    error,
                }) => (remaining, refused, Some(error)),
            };
            replayed.refused += refused.len() as u64;
            let kept: HashSet<usize> = remaining
                .into_iter()
                .chain(refused.into_iter().map(|(place, _)| place))
                .collect();
            let gone = chunk
                .iter()
                .enumerate()
                .filter(|(place, _)| !kept.contains(place));
            let before = accepted.len();
            accepted.extend(gone.map(|(_, letter)| letter.place));
            replayed.accepted += (accepted.len() - before) as u64;
            if let Some(error) = error {
                replayed.ended = Some(said(&error));
                return accepted;
            }
        }
    }
    accepted
}

fn said(error: &SinkError) -> String {
    match error {
        SinkError::Unavailable { reason, .. } | SinkError::Refused { reason } => reason.clone(),
        other => other.to_string(),
    }
}
