//! Short copies without a call, by pieces of fixed size that overlap.

use crate::chunk::WIDTH;

/// Copies longer than this go to the platform's own routine; below it, its call costs more than it saves.
const LONG_COPY: usize = 256;

/// Copies all of `source` to the start of `target`. Most copies are short, where a call of the general routine, which
/// leaves the sandbox in some WebAssembly engines, takes many times longer than the copy: pieces of fixed size that
/// overlap do without it.
#[inline(always)]
pub fn copy(source: &[u8], target: &mut [u8]) {
    let length = source.len();
    match length {
        0 => {}
        1..4 => {
            target[0] = source[0];
            target[length / 2] = source[length / 2];
            target[length - 1] = source[length - 1];
        }
        4..8 => copy_ends::<4>(source, target),
        8..16 => copy_ends::<8>(source, target),
        16..=32 => copy_ends::<WIDTH>(source, target),
        _ => copy_long(source, target),
    }
}

/// Copies more than two chunks.
#[inline(never)]
fn copy_long(source: &[u8], target: &mut [u8]) {
    let length = source.len();
    match length {
        ..=64 => copy_ends::<32>(source, target),
        65..=128 => copy_ends::<64>(source, target),
        129..=LONG_COPY => {
            copy_ends::<64>(&source[..128], target);
            copy_ends::<64>(&source[length - 128..], &mut target[length - 128..]);
        }
        _ => target[..length].copy_from_slice(source),
    }
}

/// Copies the first and the last `N` bytes.
#[inline(always)]
fn copy_ends<const N: usize>(source: &[u8], target: &mut [u8]) {
    let length = source.len();
    if let Some((first, last)) = ends::<N>(source) {
        target[..N].copy_from_slice(first);
        target[length - N..length].copy_from_slice(last);
    }
}

/// The first and the last `N` bytes, which may overlap.
#[inline(always)]
pub fn ends<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    Some((bytes.first_chunk()?, bytes.last_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_every_length_are_whole_and_nothing_behind_them_changes() {
        for length in 0..2 * LONG_COPY {
            let source: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut target = vec![0xff; length + 1];
            copy(&source, &mut target);
            assert_eq!(target.split_last(), Some((&0xff, source.as_slice())), "{length}");
        }
    }
}
