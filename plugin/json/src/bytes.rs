//! Searches, comparisons and hashes of short byte strings without a step for each byte: on WebAssembly each turn of a
//! loop also asks whether the call has been interrupted, which costs more than the byte.

use crate::copy::{copy, ends};
use crate::swar::{self, HIGH, ONES};

pub use memchr::{memchr as find, memrchr as find_last};

/// Whether a text holds a byte. For texts too short to be worth a search by [`find`].
pub fn contains(text: &[u8], byte: u8) -> bool {
    let has = |word: u64| swar::equal(word, byte) != 0;
    match (ends::<8>(text), ends::<4>(text)) {
        (Some((_, last)), _) => {
            let (words, _) = text.as_chunks::<8>();
            words
                .iter()
                .chain([last])
                .any(|word| has(u64::from_le_bytes(*word)))
        }
        (_, Some((first, last))) => has(swar::joined(first, last)),
        _ => text.contains(&byte),
    }
}

/// A published, stable 64-bit hash, XXH3. One copy of it: it is long, and compilers would put it where it is called.
#[inline(never)]
pub fn hash(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// A hash that is the same in upper and lower case, of words that are not to be kept.
pub fn hash_letters(word: &[u8]) -> u64 {
    /// 2^64 divided by the golden ratio, odd: spreads every bit (Knuth, The Art of Computer Programming, 6.4).
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

    let (words, rest) = word.as_chunks::<8>();
    let mut last = [0; 8];
    copy(rest, &mut last);
    let mix = |hash: u64, word: &[u8; 8]| {
        (hash ^ (u64::from_le_bytes(*word) | CASE))
            .wrapping_mul(SPREAD)
            .rotate_left(32)
    };
    words.iter().chain([&last]).fold(word.len() as u64, mix)
}

/// The bit that tells upper from lower case, in each byte.
const CASE: u64 = 0x2020_2020_2020_2020;

/// A copy in lower case, ASCII letters only.
pub fn lower(bytes: &[u8]) -> Vec<u8> {
    let mut lower = bytes.to_vec();
    let (words, rest) = lower.as_chunks_mut::<8>();
    for word in words {
        *word = lower_word(u64::from_le_bytes(*word)).to_le_bytes();
    }
    rest.make_ascii_lowercase();
    lower
}

/// Sets the case bit of every capital letter (Warren, Hacker's Delight, 6-1).
fn lower_word(word: u64) -> u64 {
    let low = word & !HIGH;
    let from_a = low + ONES * (0x80 - b'A' as u64);
    let behind_z = low + ONES * (0x7f - b'Z' as u64);
    let capital = from_a & !behind_z & !word & HIGH;
    word | capital >> 2
}

/// Equality. Most that are compared are equal, or differ in length.
#[inline(always)]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && match one.len() {
            ..4 => one == other,
            4..8 => same_ends::<4>(one, other),
            8..=16 => same_ends::<8>(one, other),
            17..=32 => same_ends::<16>(one, other),
            33..=64 => same_ends::<32>(one, other),
            65..128 => same_ends::<64>(one, other),
            _ => starts_with(one, other),
        }
}

/// Whether the first and the last `N` bytes are equal.
#[inline(always)]
fn same_ends<const N: usize>(one: &[u8], other: &[u8]) -> bool {
    match (ends::<N>(one), ends::<N>(other)) {
        (Some(one), Some(other)) => same_array(one.0, other.0) && same_array(one.1, other.1),
        _ => false,
    }
}

/// Equality of arrays by words: for more than a word, WebAssembly would call a routine.
#[inline(always)]
pub fn same_array<const N: usize>(one: &[u8; N], other: &[u8; N]) -> bool {
    let ((words, _), (others, _)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let differing = |one: &[u8; 8], other: &[u8; 8]| u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
    let first = words
        .iter()
        .zip(others)
        .fold(0, |all, (one, other)| all | differing(one, other));
    match (one.last_chunk(), other.last_chunk()) {
        (Some(one), Some(other)) => first | differing(one, other) == 0,
        _ => one == other,
    }
}

/// Whether some hundred bytes come next.
#[inline(never)]
pub fn starts_with(bytes: &[u8], start: &[u8]) -> bool {
    let Some(bytes) = bytes.get(..start.len()) else {
        return false;
    };
    let ((blocks, _), (others, _)) = (bytes.as_chunks::<128>(), start.as_chunks::<128>());
    let mut blocks = blocks.iter().zip(others);
    match (bytes.last_chunk::<128>(), start.last_chunk::<128>()) {
        (Some(one), Some(other)) => {
            blocks.all(|(one, other)| same_array(one, other)) && same_array(one, other)
        }
        _ => same(bytes, start),
    }
}

/// Equality, letter case aside. Most words that differ do so in length or at an end, and most of the others are the very
/// same bytes.
#[inline(always)]
pub fn same_letters(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && same_first(one, other) && same_word(one, other)
}

/// Whether the first letters are alike but for the bit that tells upper from lower case.
#[inline(always)]
fn same_first(one: &[u8], other: &[u8]) -> bool {
    match (one.first(), other.first()) {
        (Some(one), Some(other)) => one | 0x20 == other | 0x20,
        _ => true,
    }
}

/// The same for byte strings of one length.
#[inline(always)]
fn same_word(one: &[u8], other: &[u8]) -> bool {
    let differing = if let (Some(one), Some(other)) = (ends::<8>(one), ends::<8>(other)) {
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        word(one.0) ^ word(other.0) | word(one.1) ^ word(other.1)
    } else if let (Some(one), Some(other)) = (ends::<4>(one), ends::<4>(other)) {
        let word = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
        word(one.0) ^ word(other.0) | word(one.1) ^ word(other.1)
    } else {
        return one.eq_ignore_ascii_case(other);
    };
    if differing & !CASE != 0 {
        return false;
    }
    // The ends are all there is of up to sixteen bytes.
    differing == 0 && (one.len() <= 16 || same(one, other)) || one.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_equal_letter_case_aside(one in "[abAB@`]{0,20}", seed in any::<u32>(), place in any::<prop::sample::Index>()) {
            let swap = |(at, letter): (usize, u8)| if seed >> at & 1 == 1 { letter ^ 0x20 } else { letter };
            let mut other: Vec<u8> = one.bytes().enumerate().map(swap).collect();
            if seed % 3 == 0 && !other.is_empty() {
                let at = place.index(other.len());
                other[at] = b'c';
            }
            prop_assert_eq!(same_letters(one.as_bytes(), &other), one.as_bytes().eq_ignore_ascii_case(&other));
        }

        #[test]
        fn equality_by_words_is_equality(one in "[ab]{0,200}", place in any::<prop::sample::Index>(), differ in any::<bool>(), more in "[ab]{0,3}") {
            let mut other = one.clone().into_bytes();
            if differ && !other.is_empty() {
                let at = place.index(other.len());
                other[at] = b'c';
            }
            prop_assert_eq!(same(one.as_bytes(), &other), one.as_bytes() == other);
            let longer = [one.as_bytes(), more.as_bytes()].concat();
            prop_assert_eq!(starts_with(&longer, &other), longer.starts_with(&other));
            prop_assert_eq!(starts_with(&other, &longer), other.starts_with(&longer));
        }

        #[test]
        fn a_byte_is_found_wherever_it_is(text in "[a@é]{0,30}") {
            prop_assert_eq!(contains(text.as_bytes(), b'@'), text.contains('@'));
        }

        #[test]
        fn any_bytes_become_lower_case_as_ascii_does(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(lower(&bytes), bytes.to_ascii_lowercase());
        }
    }
}
