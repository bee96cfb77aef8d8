//! Eight bytes at a time, by arithmetic on a word.

/// The lowest bit of every byte.
pub const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of every byte.
pub const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of the lowest byte that stops, and none below it; those above may be wrong, since a borrow can
/// cross from a byte that is less than what is taken from it (Warren, Hacker's Delight, 6-1).
#[inline(always)]
pub fn stops(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let backslash = zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGH
}
