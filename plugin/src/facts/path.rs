//! Segments of resource ids and operations, borrowed where the path is.

use std::borrow::Cow;

/// The segment behind the last segment `word` of a path, letter case aside.
pub fn after_last<'a>(path: &Cow<'a, [u8]>, word: &[u8]) -> Option<Cow<'a, [u8]>> {
    let mut end = path.len();
    let mut following = None;
    for segment in path.rsplit(|&byte| byte == b'/') {
        let start = end - segment.len();
        if segment.eq_ignore_ascii_case(word) {
            return following.map(|(start, end)| slice(path, start, end));
        }
        following = Some((start, end));
        end = start.saturating_sub(1);
    }
    None
}

/// The segment behind `word` at the start of a path; empty if the path starts otherwise.
pub fn after_first<'a>(path: &Cow<'a, [u8]>, word: &[u8]) -> Cow<'a, [u8]> {
    match path.get(..word.len()) {
        Some(start) if start.eq_ignore_ascii_case(word) => {
            first_segment(&slice(path, word.len(), path.len()))
        }
        _ => Cow::default(),
    }
}

/// The segment at the start.
pub fn first_segment<'a>(path: &Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    let end = path.iter().position(|&byte| byte == b'/').unwrap_or(path.len());
    slice(path, 0, end)
}

/// The segment at the end, slashes behind it aside.
pub fn last_segment<'a>(path: &Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    let end = path
        .iter()
        .rposition(|&byte| byte != b'/')
        .map_or(0, |last| last + 1);
    let start = path[..end]
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |slash| slash + 1);
    slice(path, start, end)
}

fn slice<'a>(bytes: &Cow<'a, [u8]>, start: usize, end: usize) -> Cow<'a, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..end]),
        Cow::Owned(bytes) => Cow::Owned(bytes[start..end].to_vec()),
    }
}
