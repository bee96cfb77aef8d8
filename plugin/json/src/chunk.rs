//! Sixteen bytes at a time: where the inside of a string ends or is interrupted by a quote, a backslash or a control
//! character, which are also the bytes that must be escaped in one.
//!
//! On WebAssembly these are the fixed-width SIMD instructions, elsewhere arithmetic on 64-bit words: both safe code. A
//! plain loop over the bytes would read better, but compilers take it apart into something several times slower.

/// How many bytes are looked at together.
pub const WIDTH: usize = 16;

/// A piece of input of the full width.
pub type Chunk = [u8; WIDTH];

/// Where the first stop is; the width if there is none.
#[inline(always)]
pub fn first_stop(chunk: &Chunk) -> usize {
    vector::first_stop(words(chunk))
}

#[inline(always)]
fn words(chunk: &Chunk) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *chunk;
    [
        u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        u64::from_le_bytes([i, j, k, l, m, n, o, p]),
    ]
}

#[cfg(target_arch = "wasm32")]
mod vector {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128_or};

    /// One bit per byte, the first in the lowest.
    #[inline(always)]
    fn stops([low, high]: [u64; 2]) -> u32 {
        let bytes = u64x2(low, high);
        let quote = u8x16_eq(bytes, u8x16_splat(b'"'));
        let backslash = u8x16_eq(bytes, u8x16_splat(b'\\'));
        let control = u8x16_lt(bytes, u8x16_splat(0x20));
        u32::from(u8x16_bitmask(v128_or(v128_or(quote, backslash), control)))
    }

    #[inline(always)]
    pub fn first_stop(words: [u64; 2]) -> usize {
        (stops(words) | 1 << super::WIDTH).trailing_zeros() as usize
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod vector {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;

    /// The high bit of the lowest byte that stops, and none below it; those above may be wrong, since a borrow can
    /// cross from a byte that is less than what is taken from it (Warren, Hacker's Delight, 6-1).
    #[inline(always)]
    fn stops(word: u64) -> u64 {
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let quote = zero(word ^ (ONES * b'"' as u64));
        let backslash = zero(word ^ (ONES * b'\\' as u64));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        (quote | backslash | control) & HIGH
    }

    #[inline(always)]
    pub fn first_stop([low, high]: [u64; 2]) -> usize {
        let (low, high) = (stops(low), stops(high));
        if low != 0 {
            low.trailing_zeros() as usize / 8
        } else if high != 0 {
            8 + high.trailing_zeros() as usize / 8
        } else {
            super::WIDTH
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
