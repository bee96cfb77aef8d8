//! The dead-letter file of a source: what was read but could not become an event, or what a sink refused for good.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::file::line_file::LineFile;
use crate::model::Rejected;
use crate::work::file_work::FileWork;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Appends to a source's dead-letter file. The file comes into being with its first line.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    source: String,
    path: PathBuf,
    work: FileWork,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    source: &'a str,
    partition: &'a str,
    id: Option<&'a str>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
}

impl DeadLetters {
    /// The file of a source.
    pub fn new(source: &str, path: PathBuf) -> Self {
        Self {
            source: source.to_owned(),
            path,
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
            let lines: String = items.iter().map(|item| letters.line(&partition, item)).collect();
            let mut file = LineFile::open_shared(&letters.path)?;
            file.append(lines.as_bytes(), SystemTime::now())
        });
        written.await.map_err(|error| name_file(error, &self.path))
    }

    fn line(&self, partition: &str, item: &Rejected) -> String {
        let text = std::str::from_utf8(&item.raw).ok();
        let line = Line {
            source: &self.source,
            partition,
            id: item.id.as_deref(),
            reason: &item.reason,
            raw: text,
            raw_base64: text.is_none().then(|| BASE64_STANDARD.encode(&item.raw)),
        };
        // A struct of texts is always valid JSON, and JSON text holds no raw line end.
        format!("{}\n", serde_json::json!(line))
    }
}

fn name_file(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn items_are_kept_as_text_or_base64() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contoso.dead.ndjson");
        let letters = DeadLetters::new("contoso", path.clone());
        letters.keep("p", &[]).await.unwrap();
        assert!(!path.exists());
        let item = |id: Option<&str>, raw: &[u8]| Rejected {
            id: id.map(str::to_owned),
            reason: "no \"time\"\n".to_owned(),
            raw: raw.to_vec(),
        };
        letters
            .keep("p", &[item(Some("1"), b"{\n}"), item(None, b"\xff")])
            .await
            .unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r#"
        {"id":"1","partition":"p","raw":"{\n}","reason":"no \"time\"\n","source":"contoso"}
        {"id":null,"partition":"p","raw_base64":"/w==","reason":"no \"time\"\n","source":"contoso"}
        "#);
    }
}
