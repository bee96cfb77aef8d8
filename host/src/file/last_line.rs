//! The end of a file of lines: whether its last line is whole, and whose it is if it is not.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Read at a time while looking backwards for a line end.
pub(crate) const STEP: u64 = 64 << 10;
/// A last line that is longer is not parsed; no event is so large.
const LONGEST_PARSED: u64 = 64 << 20;

/// How a file of lines ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LastLine {
    /// With a line end, or it is empty.
    Ended,
    /// With the beginning of an event, from this offset on: a crash cut it off.
    Fragment(u64),
    /// With a whole event whose line end is missing.
    Unended,
    /// With something that is no event.
    Foreign,
}

/// Looks at the end of a file of `length` bytes.
pub(crate) fn last_line(file: &mut File, length: u64) -> io::Result<LastLine> {
    let start = end_of_last_line(file, length)?;
    if start == length {
        return Ok(LastLine::Ended);
    }
    let mut line = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    Read::by_ref(file)
        .take((length - start).min(LONGEST_PARSED))
        .read_to_end(&mut line)?;
    // After a power cut a file may end with zeros that nobody wrote.
    let written = line
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let written = &line[..written];
    if written.is_empty() {
        return Ok(LastLine::Fragment(start));
    }
    if written[0] != b'{' {
        return Ok(LastLine::Foreign);
    }
    Ok(match serde_json::from_slice::<serde::de::IgnoredAny>(written) {
        Ok(_) if written.len() == line.len() => LastLine::Unended,
        Ok(_) => LastLine::Fragment(start),
        Err(error) if error.is_eof() => LastLine::Fragment(start),
        Err(_) => LastLine::Foreign,
    })
}

/// The offset behind the last line end; 0 when there is none.
fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut chunk = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_recognised_for_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let long = "x".repeat(3 * STEP as usize);
        for (text, expected) in [
            ("", LastLine::Ended),
            ("{}\n", LastLine::Ended),
            ("{}\n{\"a\":\"b", LastLine::Fragment(3)),
            ("{", LastLine::Fragment(0)),
            (&format!("{{}}\n{{\"a\":\"{long}"), LastLine::Fragment(3)),
            ("{}\n\0\0\0", LastLine::Fragment(3)),
            ("{}\n{\"a\":1\0\0", LastLine::Fragment(3)),
            ("{}\n{\"a\":1}\0\0", LastLine::Fragment(3)),
            ("{}\n{\"a\":1}", LastLine::Unended),
            ("name = 1\nkey = 2", LastLine::Foreign),
            ("{\n  \"a\": 1\n}", LastLine::Foreign),
            ("{name}", LastLine::Foreign),
            (&long, LastLine::Foreign),
        ] {
            std::fs::write(&path, text).unwrap();
            let mut file = File::open(&path).unwrap();
            assert_eq!(
                last_line(&mut file, text.len() as u64).unwrap(),
                expected,
                "{text:.30}"
            );
        }
    }
}
