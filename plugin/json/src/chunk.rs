//! Sixteen bytes at a time: where the inside of a string ends or is interrupted by a quote, a backslash or a control
//! character, which are also the bytes that must be escaped in one.
//!
//! On WebAssembly these are the fixed-width SIMD instructions, elsewhere arithmetic on 64-bit words: both safe code. A
//! plain loop over the bytes would read better, but compilers take it apart into something several times slower.

/// How many bytes are looked at together.
pub const WIDTH: usize = 16;

/// How many bytes are marked together: a word has a bit for each.
pub const BLOCK: usize = u64::BITS as usize;

/// A piece of input of the full width.
pub type Chunk = [u8; WIDTH];

/// The piece that starts at `at`; none where less than the width is left.
#[inline(always)]
pub fn at(bytes: &[u8], at: usize) -> Option<&Chunk> {
    bytes.get(at..)?.first_chunk()
}

/// Where the first stop is; the width if there is none.
#[inline(always)]
pub fn first_stop(chunk: &Chunk) -> usize {
    vector::first_stop(chunk)
}

/// Where the first backslash is; the width if there is none.
#[inline(always)]
pub fn first_backslash(chunk: &Chunk) -> usize {
    (u32::from(vector::equal(chunk, b'\\')) | 1 << WIDTH).trailing_zeros() as usize
}

/// The stops of a block: one bit per byte, the first in the lowest.
#[inline(always)]
pub fn stops(block: &[u8; BLOCK]) -> u64 {
    gather(block, vector::stops)
}

/// The quotes of a block, likewise.
#[inline(always)]
pub fn quotes(block: &[u8; BLOCK]) -> u64 {
    gather(block, |chunk| vector::equal(chunk, b'"'))
}

/// The backslashes of a block, likewise.
#[inline(always)]
pub fn backslashes(block: &[u8; BLOCK]) -> u64 {
    gather(block, |chunk| vector::equal(chunk, b'\\'))
}

#[inline(always)]
fn gather(block: &[u8; BLOCK], bits: impl Fn(&Chunk) -> u16) -> u64 {
    let (chunks, _): (&[Chunk], _) = block.as_chunks();
    let chunks = chunks.iter().rev().map(|chunk| u64::from(bits(chunk)));
    chunks.fold(0, |bits, chunk| bits << WIDTH | chunk)
}

/// Writes a chunk with a backslash before each quote and backslash to the start of `target`, which has room for twice the
/// width. Returns the bytes written; none, and nothing is written, if the chunk holds a control character.
#[inline(always)]
pub fn spread(chunk: &Chunk, target: &mut [u8]) -> Option<usize> {
    let target = target.first_chunk_mut::<{ 2 * WIDTH }>()?;
    vector::spread(chunk, target)
}

/// Writes eight bytes to the start of `target`, with a backslash before each whose bit in `set` is one, the first in the
/// lowest. What follows them means nothing.
#[inline(always)]
pub fn spread_word(word: &[u8; WIDTH / 2], set: u8, target: &mut Chunk) {
    vector::spread_word(word, set, target);
}

#[cfg(target_arch = "wasm32")]
mod vector {
    use core::arch::wasm32::{
        i8x16_swizzle, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128, v128_any_true, v128_or,
    };

    use bytemuck::must_cast;

    use super::{Chunk, WIDTH};

    /// For each set of bytes among eight (one bit each, the first in the lowest) that get a backslash: which lane of
    /// eight bytes and a backslash goes where. What follows the last byte means nothing.
    static PLACES: [Chunk; 256] = places();

    const fn places() -> [Chunk; 256] {
        const BACKSLASH: u8 = 8;
        let mut places = [[BACKSLASH; WIDTH]; 256];
        let mut set = 0;
        while set < places.len() {
            let mut to = 0;
            let mut lane = 0;
            while lane < BACKSLASH {
                to += set >> lane & 1;
                places[set][to] = lane;
                to += 1;
                lane += 1;
            }
            set += 1;
        }
        places
    }

    /// Half a chunk at a time, since it may double: no branch, whatever is in it.
    #[inline(always)]
    pub fn spread(chunk: &Chunk, target: &mut [u8; 2 * WIDTH]) -> Option<usize> {
        let bytes: v128 = must_cast(*chunk);
        if v128_any_true(u8x16_lt(bytes, u8x16_splat(0x20))) {
            return None;
        }
        let backslashes = u8x16_splat(b'\\');
        let found = v128_or(u8x16_eq(bytes, u8x16_splat(b'"')), u8x16_eq(bytes, backslashes));
        let [first, second] = u8x16_bitmask(found).to_le_bytes();
        let (words, _) = chunk.as_chunks::<{ WIDTH / 2 }>();
        let middle = WIDTH / 2 + first.count_ones() as usize;
        spread_word(&words[0], first, target.first_chunk_mut()?);
        spread_word(&words[1], second, target[middle..].first_chunk_mut()?);
        Some(middle + WIDTH / 2 + second.count_ones() as usize)
    }

    #[inline(always)]
    pub fn spread_word(word: &[u8; WIDTH / 2], set: u8, target: &mut Chunk) {
        let lanes = u64x2(u64::from_le_bytes(*word), u64::from(b'\\'));
        *target = must_cast(i8x16_swizzle(lanes, must_cast(PLACES[usize::from(set)])));
    }

    /// One bit per byte, the first in the lowest.
    #[inline(always)]
    pub fn equal(chunk: &Chunk, byte: u8) -> u16 {
        u8x16_bitmask(u8x16_eq(must_cast(*chunk), u8x16_splat(byte)))
    }

    /// One bit per byte, the first in the lowest.
    #[inline(always)]
    pub fn stops(chunk: &Chunk) -> u16 {
        let bytes = must_cast(*chunk);
        let quote = u8x16_eq(bytes, u8x16_splat(b'"'));
        let backslash = u8x16_eq(bytes, u8x16_splat(b'\\'));
        let control = u8x16_lt(bytes, u8x16_splat(0x20));
        u8x16_bitmask(v128_or(v128_or(quote, backslash), control))
    }

    #[inline(always)]
    pub fn first_stop(chunk: &Chunk) -> usize {
        (u32::from(stops(chunk)) | 1 << WIDTH).trailing_zeros() as usize
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod vector {
    use super::{Chunk, WIDTH};
    use crate::swar::{self, HIGH, ONES};

    #[inline(always)]
    fn words(chunk: &Chunk) -> [u64; 2] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *chunk;
        [
            u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            u64::from_le_bytes([i, j, k, l, m, n, o, p]),
        ]
    }

    /// One bit per byte, the first in the lowest.
    #[inline(always)]
    pub fn equal(chunk: &Chunk, byte: u8) -> u16 {
        all_equal(words(chunk), byte)
    }

    #[inline(always)]
    pub fn stops(chunk: &Chunk) -> u16 {
        let controls = words(chunk).map(|word| !(((word & !HIGH) + ONES * 0x60) | word) & HIGH);
        equal(chunk, b'"') | equal(chunk, b'\\') | bits(controls)
    }

    /// One bit for each byte that is `byte`: unlike below, also behind the first the bits have to be right.
    #[inline(always)]
    fn all_equal(words: [u64; 2], byte: u8) -> u16 {
        bits(words.map(|word| {
            let differing = word ^ (ONES * byte as u64);
            !(((differing & !HIGH) + !HIGH) | differing) & HIGH
        }))
    }

    /// Gathers the highest bits of all bytes.
    #[inline(always)]
    fn bits(words: [u64; 2]) -> u16 {
        let [low, high] = words.map(|word| (word >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56);
        (low | high << 8) as u16
    }

    #[inline(always)]
    pub fn spread_word(word: &[u8; WIDTH / 2], set: u8, target: &mut Chunk) {
        let mut to = 0;
        for (lane, &byte) in word.iter().enumerate() {
            target[to] = b'\\';
            to += usize::from(set >> lane & 1);
            target[to] = byte;
            to += 1;
        }
    }

    /// A backslash is stored before every byte, and overwritten where none is due.
    #[inline(always)]
    pub fn spread(chunk: &Chunk, target: &mut [u8; 2 * WIDTH]) -> Option<usize> {
        if chunk.iter().any(|byte| *byte < 0x20) {
            return None;
        }
        let mut to = 0;
        for &byte in chunk {
            target[to] = b'\\';
            to += usize::from(byte == b'"' || byte == b'\\');
            target[to] = byte;
            to += 1;
        }
        Some(to)
    }

    #[inline(always)]
    pub fn first_stop(chunk: &Chunk) -> usize {
        let [low, high] = words(chunk).map(swar::stops);
        if low != 0 {
            low.trailing_zeros() as usize / 8
        } else if high != 0 {
            8 + high.trailing_zeros() as usize / 8
        } else {
            WIDTH
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_in_every_place_is_judged_alone() {
        for place in 0..WIDTH {
            for byte in 0..=u8::MAX {
                for around in [b'a', 0xff, 0x00, b'"', 0x7f] {
                    let mut chunk = [around; WIDTH];
                    chunk[place] = byte;
                    let stops = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
                    let first = chunk.iter().position(stops).unwrap_or(WIDTH);
                    assert_eq!(first_stop(&chunk), first, "{chunk:?}");
                }
            }
        }
    }
}
