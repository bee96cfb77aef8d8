//! Escapes the inside of a JSON string.

use crate::chunk::{self, WIDTH};
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

/// Escapes less than a chunk. Most strings are so short that this is all there is of them, and hold nothing to escape:
/// words that overlap tell so, and copy them.
fn escape_rest(rest: &[u8], target: &mut [u8]) -> usize {
    let words = match (ends::<8>(rest), ends::<4>(rest), ends::<1>(rest)) {
        (Some((first, last)), ..) => [u64::from_le_bytes(*first), u64::from_le_bytes(*last)],
        (_, Some((first, last)), _) => {
            let word = |half: &[u8; 4]| u64::from(u32::from_le_bytes(*half));
            [word(first) | word(last) << 32; 2]
        }
        (.., Some(([first], [last]))) => {
            let middle = rest[rest.len() / 2];
            [u64::from_le_bytes([*first, middle, *last, b' ', b' ', b' ', b' ', b' ']); 2]
        }
        _ => return 0,
    };
    if words.iter().any(|word| swar::stops(*word) != 0) {
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
