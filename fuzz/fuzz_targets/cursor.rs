//! A cursor that is read is written back as it was; anything else is refused, never misread.
#![no_main]

use azure_activity::cursor::Cursor;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // With a right checksum, so that what it covers is reached.
    let mut sealed = bytes.to_vec();
    sealed.extend(azure_activity::json::bytes::hash(bytes).to_le_bytes());
    check(&sealed);
});

fn check(bytes: &[u8]) {
    if let Ok(mut cursor) = Cursor::decode(bytes) {
        let again = Cursor::decode(&cursor.encode()).expect("our own encoding is readable");
        assert_eq!(again, cursor);
    }
}
