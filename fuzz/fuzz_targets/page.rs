//! A page in pieces is the page as a whole, however it is cut, and whatever it is.
#![no_main]

use azure_activity::page::{self, PageError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], u8)| {
    let (bytes, step) = input;
    let whole = read(std::iter::once(bytes));
    let pieces = read(bytes.chunks(usize::from(step).max(1)));
    assert_eq!(whole, pieces);
});

/// The records' identities and the outcome.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Option<String>>, String) {
    let mut ids = Vec::new();
    let outcome = page::read::<PageError>(pieces.map(|piece| Ok(piece.to_vec())), |record| {
        ids.push(record.id().map(str::to_owned));
        Some(())
    });
    (ids, format!("{outcome:?}"))
}
