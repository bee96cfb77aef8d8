//! Eight bytes at a time, by arithmetic on a word.

/// The lowest bit of every byte.
pub const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of every byte.
pub const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of the lowest byte that stops, and none below it; those above may be wrong, since a borrow can
/// cross from a byte that is less than what is taken from it (Warren, Hacker's Delight, 6-1).
#[inline(always)]
pub fn stops(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    equal(word, b'"') | equal(word, b'\\') | control
}

/// The same for a byte that is `byte`.
#[inline(always)]
pub fn equal(word: u64, byte: u8) -> u64 {
    let differing = word ^ (ONES * byte as u64);
    differing.wrapping_sub(ONES) & !differing & HIGH
}

/// A word of the first and the last half of four to eight bytes.
#[inline(always)]
pub fn joined(first: &[u8; 4], last: &[u8; 4]) -> u64 {
    let half = |half: &[u8; 4]| u64::from(u32::from_le_bytes(*half));
    half(first) | half(last) << 32
}
