//! The dead letters of a source: what was read but could not become an event, or what a sink refused permanently.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use thiserror::Error;

use super::letter::Letter;
#[cfg(feature = "postgres")]
use super::letter_table::{LetterTable, Rows, at_once};
use super::rotation::{Rotation, put_away_name};
#[cfg(feature = "postgres")]
use crate::cursor::postgres::PostgresError;
use crate::file::line_file::LineFile;
use crate::model::Rejected;
#[cfg(feature = "postgres")]
use crate::work::compute::Compute;
use crate::work::file_work::FileWork;

/// Keeps the dead letters of a source, in a file or in a database. Shows where.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    source: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    File(LetterWriter),
    #[cfg(feature = "postgres")]
    Table(LetterTable, Compute),
}

/// Appends to a dead-letter file. The file is created with its first line.
#[derive(Debug, Clone)]
struct LetterWriter {
    path: PathBuf,
    rotation: Rotation,
    work: FileWork,
}

/// Why dead letters cannot be kept at present. Begins with the place.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeepError {
    /// Their file cannot be written.
    #[error("the dead-letter file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The database cannot be used.
    #[cfg(feature = "postgres")]
    #[error("the database: {0}")]
    Database(#[from] PostgresError),
    /// There was no time to prepare them for it.
    #[cfg(feature = "postgres")]
    #[error("the database: {0}")]
    Unprepared(String),
}

impl DeadLetters {
    /// In a file of this source.
    pub fn new(source: &str, path: PathBuf, rotation: Rotation) -> Self {
        let work = FileWork::default();
        Self {
            source: source.to_owned(),
            place: Place::File(LetterWriter { path, rotation, work }),
        }
    }

    /// In a database.
    #[cfg(feature = "postgres")]
    pub fn in_table(source: &str, table: LetterTable) -> Self {
        Self {
            source: source.to_owned(),
            place: Place::Table(table, Compute::default()),
        }
    }

    /// Checks at start that there is a file to write to. A database was judged when it was opened.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn probe(&self) -> Result<(), KeepError> {
        match &self.place {
            Place::File(writer) => LineFile::probe(&writer.path).map_err(|error| named(error, &writer.path)),
            #[cfg(feature = "postgres")]
            Place::Table(..) => Ok(()),
        }
    }

    /// Keeps items; when this returns, they survive a power cut. After an error it may be repeated.
    ///
    /// # Errors
    ///
    /// It is not known which of the items are kept.
    pub async fn keep(&self, partition: &str, items: &[Rejected]) -> Result<(), KeepError> {
        if items.is_empty() {
            return Ok(());
        }
        match &self.place {
            Place::File(writer) => writer.append(&self.source, partition, items).await,
            #[cfg(feature = "postgres")]
            Place::Table(table, compute) => {
                // Every delivery has room for what is awaited here, and few need this.
                Box::pin(insert(table, compute, &self.source, partition, items)).await
            }
        }
    }
}

impl LetterWriter {
    async fn append(&self, source: &str, partition: &str, items: &[Rejected]) -> Result<(), KeepError> {
        // Written as JSON where the file is written: a batch of them takes too long for a worker.
        let (writer, source) = (self.clone(), source.to_owned());
        let (partition, items) = (partition.to_owned(), items.to_vec());
        let written = self.work.run(move || {
            let now = SystemTime::now();
            let line = |item| Letter::new(&source, &partition, item, now).to_line();
            let lines: String = items.iter().map(line).collect();
            let mut file = LineFile::open_shared(&writer.path)?;
            let (length, written) = file.extent();
            if writer.rotation.is_due(length, written, lines.len() as u64, now) {
                file.put_away(&put_away_name(&writer.path, now))?;
            }
            file.append(lines.as_bytes(), now)
        });
        written.await.map_err(|error| named(error, &self.path))
    }
}

impl fmt::Display for DeadLetters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(writer) => write!(formatter, "{}", writer.path.display()),
            #[cfg(feature = "postgres")]
            Place::Table(table, _) => write!(formatter, "the database {}", table.place()),
        }
    }
}

/// A part at a time: one statement carries what it can within its time.
#[cfg(feature = "postgres")]
async fn insert(
    table: &LetterTable,
    compute: &Compute,
    source: &str,
    partition: &str,
    items: &[Rejected],
) -> Result<(), KeepError> {
    let mut left = items;
    while !left.is_empty() {
        let (now, later) = left.split_at(at_once(left));
        let (items, owned) = (now.to_vec(), partition.to_owned());
        let rows = compute.run(move || Rows::new(&owned, items)).await;
        let rows = rows.map_err(|error| KeepError::Unprepared(error.to_string()))?;
        table.insert(source, partition, &rows).await?;
        left = later;
    }
    Ok(())
}

fn named(source: io::Error, path: &Path) -> KeepError {
    KeepError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attribute, RefusedEvent};

    #[tokio::test]
    async fn items_are_kept_as_text_or_base64() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contoso.dead.ndjson");
        let letters = DeadLetters::new("contoso", path.clone(), Rotation::default());
        letters.keep("p", &[]).await.unwrap();
        assert!(!path.exists());
        let attribute = |name: &str| Attribute {
            name: name.to_owned(),
            value: "x".to_owned(),
        };
        let item = |id: Option<&str>, raw: &[u8]| Rejected {
            id: id.map(str::to_owned),
            reason: "no \"time\"\n".to_owned(),
            raw: raw.to_vec(),
            refused: id.map(|_| {
                Box::new(RefusedEvent {
                    time: Some(7),
                    severity: 9,
                    attributes: vec![attribute("cloud.region")],
                    partition_attributes: vec![attribute("cloud.account.id")].into(),
                })
            }),
        };
        letters
            .keep("p", &[item(Some("1"), b"{\n}"), item(None, b"\xff")])
            .await
            .unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Letter> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let [one, other] = &lines[..] else {
            panic!("{text}")
        };
        assert!(
            one.time.as_ref().is_some_and(|time| time.ends_with('Z')),
            "{text}"
        );
        assert_eq!(
            one.to_event()
                .map(|event| (event.id, event.time, event.severity, event.body)),
            Some(("1".to_owned(), Some(7), 9, "{\n}".to_owned()))
        );
        assert_eq!(other.to_event(), None);
        let timeless = Letter {
            time: None,
            ..other.clone()
        };
        insta::assert_snapshot!(timeless.to_line(), @r#"{"id":null,"partition":"p","raw_base64":"/w==","reason":"no \"time\"\n","source":"contoso"}"#);
    }
}
