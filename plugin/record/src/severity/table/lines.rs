//! Where the rows of the table are, found when this is compiled: every poll has an instance of its own, which would
//! otherwise find them anew.

/// Tab-separated, the first line names the columns.
const FILE: &str = include_str!("../operations.tsv");

/// The file without its last column, the evidence: that is for people, and not a part of the component.
const OPERATIONS: &str = {
    const LENGTH: usize = without_evidence(FILE.as_bytes()).1;
    static BYTES: [u8; LENGTH] = {
        let (bytes, _) = without_evidence(FILE.as_bytes());
        let mut shorter = [0; LENGTH];
        let mut at = 0;
        while at < LENGTH {
            shorter[at] = bytes[at];
            at += 1;
        }
        shorter
    };
    match str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => panic!("the file is not UTF-8"),
    }
};

/// The columns before the last of each line, and how many bytes they are.
const fn without_evidence(file: &[u8]) -> ([u8; FILE.len()], usize) {
    let mut shorter = [0; FILE.len()];
    let (mut at, mut length, mut column) = (0, 0, 0);
    while at < file.len() {
        column = match file[at] {
            b'\n' => 0,
            b'\t' => column + 1,
            _ => column,
        };
        if column < COLUMNS {
            shorter[length] = file[at];
            length += 1;
        }
        at += 1;
    }
    (shorter, length)
}

/// How many columns are kept.
const COLUMNS: usize = 7;

/// How many rows there are: one on each line behind the first.
pub const COUNT: usize = {
    let (mut count, mut rest) = (0, behind_line(OPERATIONS));
    while !rest.is_empty() {
        count += 1;
        rest = behind_line(rest);
    }
    count
};

/// The rows' lines, in their order.
pub static LINES: [Line; COUNT] = {
    let mut lines = [Line { text: "", ends: 0 }; COUNT];
    let (mut index, mut rest) = (0, behind_line(OPERATIONS));
    while index < COUNT {
        lines[index] = Line::new(rest.split_at(end_of(rest.as_bytes(), b'\n')).0);
        rest = behind_line(rest);
        index += 1;
    }
    lines
};

/// A line.
#[derive(Clone, Copy)]
pub struct Line {
    /// All of it.
    pub text: &'static str,
    /// A hash of the ends of its pattern: most lines need no closer look.
    pub ends: u64,
}

impl Line {
    const fn new(text: &'static str) -> Line {
        let (_, rest) = split(text.as_bytes(), b'\t');
        let (pattern, _) = split(rest, b'\t');
        let (first, last) = ends(pattern);
        Line {
            text,
            ends: hash_of_ends(first, last),
        }
    }
}

/// The first segment of a pattern that begins anywhere.
pub const ANY: &[u8] = b"*";

/// The first and the last segment.
pub const fn ends(path: &[u8]) -> (&[u8], &[u8]) {
    let mut last = path.len();
    while last > 0 && path[last - 1] != b'/' {
        last -= 1;
    }
    (split(path, b'/').0, path.split_at(last).1)
}

/// One hash for the first and the last segment of a pattern, whatever the letter case (FNV-1a). The last of every one is a
/// word, see `every_row_ends_in_a_word`.
pub const fn hash_of_ends(first: &[u8], last: &[u8]) -> u64 {
    let hash = hash_on(0xcbf2_9ce4_8422_2325, first);
    hash_on(hash_on(hash, b"/"), last)
}

const fn hash_on(mut hash: u64, word: &[u8]) -> u64 {
    let mut at = 0;
    while at < word.len() {
        hash = (hash ^ word[at].to_ascii_lowercase() as u64).wrapping_mul(0x100_0000_01b3);
        at += 1;
    }
    hash
}

/// What comes before the first `mark`, and what behind it.
const fn split(text: &[u8], mark: u8) -> (&[u8], &[u8]) {
    let (before, rest) = text.split_at(end_of(text, mark));
    match rest {
        [_, behind @ ..] => (before, behind),
        [] => (before, rest),
    }
}

/// Where the first `mark` is, or the end.
const fn end_of(text: &[u8], mark: u8) -> usize {
    let mut at = 0;
    while at < text.len() && text[at] != mark {
        at += 1;
    }
    at
}

/// What comes behind the first line; every line ends in a line feed.
const fn behind_line(text: &str) -> &str {
    text.split_at(end_of(text.as_bytes(), b'\n') + 1).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_but_the_first_is_found() {
        let lines: Vec<_> = FILE
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.rsplit_once('\t')?.0))
            .collect();
        assert_eq!(lines, LINES.map(|line| line.text));
    }
}
