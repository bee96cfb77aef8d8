//! Segments of resource ids and operations, borrowed where the path is.

use std::borrow::Cow;

use crate::json::bytes;

/// The segment behind the last segment `word` of a path, letter case aside.
pub fn after_last<'a>(path: &Cow<'a, [u8]>, word: &[u8]) -> Option<Cow<'a, [u8]>> {
    let mut end = path.len();
    let mut following = None;
    loop {
        let slash = bytes::find_last(b'/', &path[..end]);
        let start = slash.map_or(0, |slash| slash + 1);
        if bytes::same_letters(&path[start..end], word) {
            return following.map(|(start, end)| slice(path, start, end));
        }
        following = Some((start, end));
        end = slash?;
    }
}

/// The segment behind `word` at the start of a path; empty if the path starts otherwise.
pub fn after_first<'a>(path: &Cow<'a, [u8]>, word: &[u8]) -> Cow<'a, [u8]> {
    match path.get(..word.len()) {
        Some(start) if bytes::same_letters(start, word) => {
            first_segment(&slice(path, word.len(), path.len()))
        }
        _ => Cow::default(),
    }
}

/// The segment at the start.
pub fn first_segment<'a>(path: &Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    slice(path, 0, bytes::find(b'/', path).unwrap_or(path.len()))
}

/// The segment at the end, slashes behind it aside.
pub fn last_segment<'a>(path: &Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    let last = path.iter().rposition(|&byte| byte != b'/');
    let end = last.map_or(0, |last| last + 1);
    let slash = bytes::find_last(b'/', &path[..end]);
    slice(path, slash.map_or(0, |slash| slash + 1), end)
}

fn slice<'a>(bytes: &Cow<'a, [u8]>, start: usize, end: usize) -> Cow<'a, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..end]),
        Cow::Owned(bytes) => Cow::Owned(bytes[start..end].to_vec()),
    }
}
