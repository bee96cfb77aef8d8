//! `headwater dead-letter`: list, show and replay what could not be delivered.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater::model::{Attribute, Event};
use headwater::redact::Redactor;
use headwater::redact::printable::printable;
use headwater::sink::{Delivery, Letter, LetterFile, OpenError, Sink, SinkError, Sinks, Undelivered};
use thiserror::Error;

use crate::config::SourceConfig;
use crate::table;

/// Events that are handed to a sink at once.
const EVENTS_AT_ONCE: usize = 500;
/// Letters of a reason in the list.
const LONGEST_REASON: usize = 100;

/// Which letters a command is about.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only those of this source.
    pub source: Option<String>,
    /// Only the one with this id.
    pub id: Option<String>,
}

/// A letter on its way to the sink.
struct Replay {
    place: u64,
    partition: String,
    partition_attributes: Vec<Attribute>,
    event: Event,
}

/// Why dead letters cannot be shown or replayed.
#[derive(Debug, Error)]
pub enum DeadLetterError {
    /// Their file cannot be read or written.
    #[error("cannot use the dead-letter file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
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
    /// Why it ended early: the letters that were not tried stay.
    pub ended: Option<String>,
}

impl Selection {
    fn holds(&self, letter: &Letter) -> bool {
        self.source.as_ref().is_none_or(|source| *source == letter.source)
            && self.id.as_ref().is_none_or(|id| letter.id.as_ref() == Some(id))
    }
}

/// One line for each letter: whose, since when, where from, and why.
pub fn list(sources: &[Arc<SourceConfig>], selection: &Selection) -> Result<String, DeadLetterError> {
    let head = ["SOURCE", "TIME", "PARTITION", "ID", "REASON"]
        .map(str::to_owned)
        .to_vec();
    let mut rows = vec![head];
    each(sources, selection, |letter| {
        let reason: String = letter.reason.chars().take(LONGEST_REASON).collect();
        let cells = [
            letter.source.as_str(),
            letter.time.as_deref().unwrap_or("-"),
            &letter.partition,
            letter.id.as_deref().unwrap_or("-"),
            &reason,
        ];
        rows.push(cells.map(|cell| printable(cell).into_owned()).to_vec());
    })?;
    Ok(table::layout(&rows))
}

/// Letters with their whole reason and content.
pub fn show(sources: &[Arc<SourceConfig>], selection: &Selection) -> Result<String, DeadLetterError> {
    let mut text = String::new();
    each(sources, selection, |letter| {
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
    })?;
    Ok(text)
}

/// Sends the events of a source's letters to its sink, and removes the letters of those that are accepted.
pub async fn replay(source: &SourceConfig, selection: &Selection) -> Result<Replayed, DeadLetterError> {
    let open = |error| DeadLetterError::Open {
        name: source.name.clone(),
        source: error,
    };
    let mut replayed = Replayed::default();
    let mut sink = None;
    for mut file in files(&source.dead_letter)? {
        let path = file.path().to_owned();
        let problem = |source| DeadLetterError::File {
            path: path.clone(),
            source,
        };
        let mut letters = Vec::new();
        file.each(|placed| {
            if let Some(letter) = placed.letter
                && letter.source == source.name
                && selection.holds(&letter)
            {
                match letter.to_event() {
                    Some(event) => letters.push(Replay {
                        place: placed.place,
                        partition_attributes: letter.partition_attributes(),
                        partition: letter.partition,
                        event,
                    }),
                    None => replayed.no_event += 1,
                }
            }
            Ok::<_, io::Error>(())
        })
        .map_err(problem)?;
        if letters.is_empty() {
            continue;
        }
        let sink = match &sink {
            Some(sink) => sink,
            // Opened when there is something for it: a file is not created for nothing.
            None => sink.insert(Sinks::default().open(&source.sink).map_err(open)?),
        };
        let accepted = deliver(sink.as_ref(), &source.name, &letters, &mut replayed).await;
        file.remove(&accepted).map_err(problem)?;
        if replayed.ended.is_some() {
            break;
        }
    }
    Ok(replayed)
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

/// Hands over the letters of these sources, each file once.
fn each(
    sources: &[Arc<SourceConfig>],
    selection: &Selection,
    mut take: impl FnMut(Letter),
) -> Result<(), DeadLetterError> {
    let mut seen = HashSet::new();
    let wanted = sources
        .iter()
        .filter(|source| selection.source.as_ref().is_none_or(|name| *name == source.name));
    for source in wanted.filter(|source| seen.insert(source.dead_letter.clone())) {
        for mut file in files(&source.dead_letter)? {
            let path = file.path().to_owned();
            file.each(|placed| {
                if let Some(letter) = placed.letter.filter(|letter| selection.holds(letter)) {
                    take(letter);
                }
                Ok(())
            })
            .map_err(|source| DeadLetterError::File { path, source })?;
        }
    }
    Ok(())
}

fn files(path: &Path) -> Result<Vec<LetterFile>, DeadLetterError> {
    LetterFile::all(path).map_err(|source| DeadLetterError::File {
        path: path.to_owned(),
        source,
    })
}
