//! Sixteen bytes at a time: which of them stop a scan. One bit per byte, the first byte in the lowest bit.
//!
//! On WebAssembly these are the fixed-width SIMD instructions, elsewhere arithmetic on 64-bit words. Both are safe code.

/// How many bytes are looked at together.
pub const WIDTH: usize = 16;

/// A piece of input of the full width.
pub type Chunk = [u8; WIDTH];

/// The bytes that end or interrupt the inside of a string: quote, backslash, control characters. They are also those
/// that must be escaped inside a string.
#[cfg(target_arch = "wasm32")]
#[inline(always)]
pub fn string_stops(chunk: &Chunk) -> u32 {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, v128_or};

    let bytes = load(chunk);
    let quote = u8x16_eq(bytes, u8x16_splat(b'"'));
    let backslash = u8x16_eq(bytes, u8x16_splat(b'\\'));
    let control = u8x16_lt(bytes, u8x16_splat(0x20));
    u32::from(u8x16_bitmask(v128_or(v128_or(quote, backslash), control)))
}

#[cfg(target_arch = "wasm32")]
#[inline(always)]
fn load(chunk: &Chunk) -> core::arch::wasm32::v128 {
    let [low, high] = words(chunk);
    core::arch::wasm32::u64x2(low, high)
}

/// The bytes that end or interrupt the inside of a string: quote, backslash, control characters. They are also those
/// that must be escaped inside a string.
#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
pub fn string_stops(chunk: &Chunk) -> u32 {
    let [low, high] = words(chunk);
    gather(stops(low)) | gather(stops(high)) << 8
}

#[inline(always)]
fn words(chunk: &Chunk) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *chunk;
    [
        u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        u64::from_le_bytes([i, j, k, l, m, n, o, p]),
    ]
}

#[cfg(not(target_arch = "wasm32"))]
const ONES: u64 = 0x0101_0101_0101_0101;
#[cfg(not(target_arch = "wasm32"))]
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of every byte that is a quote, a backslash or a control character. Exact for each byte: no borrow
/// crosses a byte, because the high bit is set before subtracting.
#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
fn stops(word: u64) -> u64 {
    let quote = zeros(word ^ (ONES * b'"' as u64));
    let backslash = zeros(word ^ (ONES * b'\\' as u64));
    let control = !((word | HIGH) - ONES * 0x20) & !word;
    (quote | backslash | control) & HIGH
}

#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
fn zeros(word: u64) -> u64 {
    !((word | HIGH) - ONES) & !word
}

/// Moves the eight high bits together.
#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
fn gather(high_bits: u64) -> u32 {
    ((high_bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_in_every_lane_is_judged_alone() {
        for lane in 0..WIDTH {
            for byte in 0..=u8::MAX {
                for around in [b'a', 0xff, 0x00, b'"', 0x7f] {
                    let mut chunk = [around; WIDTH];
                    chunk[lane] = byte;
                    let expected = (0..WIDTH)
                        .filter(|&i| chunk[i] == b'"' || chunk[i] == b'\\' || chunk[i] < 0x20)
                        .fold(0, |mask, i| mask | 1 << i);
                    assert_eq!(string_stops(&chunk), expected, "{chunk:?}");
                }
            }
        }
    }
}
