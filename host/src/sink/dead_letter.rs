//! The dead-letter file of a source: what was read but could not become an event, or what a sink refused for good.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::letter::Letter;
use super::rotation::{Rotation, put_away_name};
use crate::file::line_file::LineFile;
use crate::model::Rejected;
use crate::work::file_work::FileWork;

/// Appends to a source's dead-letter file. The file comes into being with its first line.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    source: String,
    path: PathBuf,
    rotation: Rotation,
    work: FileWork,
}

impl DeadLetters {
    /// The file of a source.
    pub fn new(source: &str, path: PathBuf, rotation: Rotation) -> Self {
        Self {
            source: source.to_owned(),
            path,
            rotation,
            work: FileWork::default(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks at start that there is a place to write to. The error names the file.
    pub fn probe(&self) -> io::Result<()> {
        LineFile::probe(&self.path).map_err(|error| name_file(error, &self.path))
    }

    /// Keeps items; when this returns, they survive a power cut. The error names the file.
    pub async fn keep(&self, partition: &str, items: &[Rejected]) -> io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        // Written as JSON where the file is written: a batch of them takes too long for a worker.
        let (letters, partition, items) = (self.clone(), partition.to_owned(), items.to_vec());
        let written = self.work.run(move || {
            let now = SystemTime::now();
            let line = |item| Letter::new(&letters.source, &partition, item, now).to_line();
            let lines: String = items.iter().map(line).collect();
            let mut file = LineFile::open_shared(&letters.path)?;
            let (length, written) = file.extent();
            if letters.rotation.is_due(length, written, lines.len() as u64, now) {
                file.put_away(&put_away_name(&letters.path, now))?;
            }
            file.append(lines.as_bytes(), now)
        });
        written.await.map_err(|error| name_file(error, &self.path))
    }
}

fn name_file(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
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
