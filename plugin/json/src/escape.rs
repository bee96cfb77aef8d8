//! Escapes the inside of a JSON string.

use crate::chunk::{self, BLOCK, WIDTH};
use crate::copy::{copy, ends};
use crate::swar;

/// The longest escape, `\u001f`.
pub const LONGEST_ESCAPE: usize = 6;

/// The room that chunks need behind the worst case: they are stored whole, and only then partly claimed.
pub const SPARE: usize = 2 * WIDTH;

/// Escapes `source` into `target`, which has room for the worst case and [`SPARE`] bytes. Returns the bytes written.
///
/// JSON text, which is what mostly comes here, is so full of quotes that a branch for each would be guessed wrong as
/// often as right: chunks are spread without one.
pub fn escape(source: &[u8], target: &mut [u8]) -> usize {
    let mut from = 0;
    let mut to = 0;
    while let Some(chunk) = source[from..].first_chunk::<WIDTH>() {
        to += match chunk::spread(chunk, &mut target[to..]) {
            Some(written) => written,
            None => escape_each(chunk, &mut target[to..]),
        };
        from += WIDTH;
    }
    to + escape_rest(&source[from..], &mut target[to..])
}

/// The room that a block needs: all of it may double, and its last word is stored as a whole chunk.
pub const BLOCK_ROOM: usize = 2 * BLOCK + WIDTH;

/// Escapes a block whose quotes and backslashes are marked, and that has no control characters, to the start of `target`.
/// Returns the bytes written.
#[inline(always)]
pub fn escape_block(block: &[u8; BLOCK], marks: u64, target: &mut [u8; BLOCK_ROOM]) -> usize {
    let mut to = 0;
    let (words, _) = block.as_chunks::<{ WIDTH / 2 }>();
    for (word, set) in words.iter().zip(marks.to_le_bytes()) {
        if let Some(target) = target.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<WIDTH>) {
            chunk::spread_word(word, set, target);
        }
        to += word.len() + set.count_ones() as usize;
    }
    to
}

/// Whether there is nothing to escape; no longer text is looked at than most is.
#[inline(always)]
pub fn is_clean(bytes: &[u8]) -> bool {
    /// Ids of resources are mostly shorter.
    const LONGEST: usize = 256;

    match bytes.last_chunk::<WIDTH>() {
        Some(last) if bytes.len() <= LONGEST => {
            let (chunks, _) = bytes.as_chunks::<WIDTH>();
            let clean = |chunk| chunk::first_stop(chunk) == WIDTH;
            chunks.iter().all(clean) && clean(last)
        }
        Some(_) => false,
        None => is_clean_rest(bytes),
    }
}

/// Whether less than a chunk holds nothing to escape, by words that overlap.
#[inline(always)]
fn is_clean_rest(rest: &[u8]) -> bool {
    let words = match (ends::<8>(rest), ends::<4>(rest), ends::<1>(rest)) {
        (Some((first, last)), ..) => [u64::from_le_bytes(*first), u64::from_le_bytes(*last)],
        (_, Some((first, last)), _) => [swar::joined(first, last); 2],
        (.., Some(([first], [last]))) => {
            let middle = rest[rest.len() / 2];
            [u64::from_le_bytes([*first, middle, *last, b' ', b' ', b' ', b' ', b' ']); 2]
        }
        _ => return true,
    };
    swar::stops(words[0]) | swar::stops(words[1]) == 0
}

/// Escapes less than a chunk.
fn escape_rest(rest: &[u8], target: &mut [u8]) -> usize {
    if !is_clean_rest(rest) {
        return escape_each(rest, target);
    }
    copy(rest, target);
    rest.len()
}

fn escape_each(source: &[u8], target: &mut [u8]) -> usize {
    let mut to = 0;
    for &byte in source {
        to += escape_byte(byte, &mut target[to..]);
    }
    to
}

#[inline]
fn escape_byte(byte: u8, target: &mut [u8]) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        0x20.. if byte != b'"' && byte != b'\\' => {
            target[0] = byte;
            return 1;
        }
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]];
            target[..6].copy_from_slice(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]);
            return 6;
        }
    };
    target[..2].copy_from_slice(&[b'\\', short]);
    2
}
