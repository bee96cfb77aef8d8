//! The dead-letter file of a source: what was read but could not become an event, or what a sink refused for good.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::line_file::LineFile;

/// One item for the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its identity, if that much is known.
    pub id: Option<String>,
    /// Why it is here, in one sentence.
    pub reason: String,
    /// The bytes as received, or the event's body.
    pub raw: Vec<u8>,
}

/// Appends to a source's dead-letter file. The file comes into being with its first line.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    source: String,
    path: PathBuf,
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
        }
    }

    /// Checks at start that there is a place to write to. The error names the file.
    pub fn probe(&self) -> io::Result<()> {
        LineFile::probe(&self.path).map_err(|error| name_file(error, &self.path))
    }

    /// Keeps items; when this returns, they survive a power cut. The error names the file.
    pub async fn keep(&self, partition: &str, items: &[DeadLetter]) -> io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let lines: String = items.iter().map(|item| self.line(partition, item)).collect();
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || {
            LineFile::open_shared(&path)
                .and_then(|mut file| file.append(lines.as_bytes()))
                .map_err(|error| name_file(error, &path))
        });
        written.await.map_err(io::Error::other)?
    }

    fn line(&self, partition: &str, item: &DeadLetter) -> String {
        let text = std::str::from_utf8(&item.raw).ok();
        let line = Line {
            source: &self.source,
            partition,
            id: item.id.as_deref(),
            reason: &item.reason,
            raw: text,
            raw_base64: text.is_none().then(|| base64(&item.raw)),
        };
        // A struct of texts is always valid JSON, and JSON text holds no raw line end.
        format!("{}\n", serde_json::json!(line))
    }
}

fn name_file(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Standard base64 (RFC 4648) with padding. Too rare here to depend on a crate for it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place)) as usize & 63;
            text.push(if place <= chunk.len() {
                char::from(ALPHABET[sextet])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_matches_the_test_vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[tokio::test]
    async fn items_are_kept_as_text_or_base64() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contoso.dead.ndjson");
        let letters = DeadLetters::new("contoso", path.clone());
        letters.keep("p", &[]).await.unwrap();
        assert!(!path.exists());
        let item = |id: Option<&str>, raw: &[u8]| DeadLetter {
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
