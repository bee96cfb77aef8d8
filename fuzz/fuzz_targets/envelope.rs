//! A stored cursor opens as it was sealed and in its own place only; nothing else is ever taken for one.
#![no_main]

use libfuzzer_sys::fuzz_target;

// By its file: the library around it would compile the whole engine for this.
#[path = "."]
mod cursor {
    #[allow(dead_code, reason = "the target needs sealing and opening")]
    #[path = "../../host/src/cursor/envelope.rs"]
    mod envelope;

    use envelope::Envelope;

    pub fn check(bytes: &[u8], source: &str, partition: &str, plugin: &str, (at, change): (u16, u8)) {
        // What lies in the file, whatever it is: opening it never panics.
        let _ = Envelope::open(bytes, source, partition);
        let mut sealed = Envelope::seal(source, partition, plugin, bytes);
        let opened = Envelope::open(&sealed, source, partition).expect("it was sealed here");
        assert_eq!((opened.cursor.as_slice(), opened.plugin.as_str()), (bytes, plugin));
        let elsewhere = format!("{partition}.");
        assert!(Envelope::open(&sealed, source, &elsewhere).is_err());
        // One byte that is another.
        if change != 0 {
            let at = usize::from(at) % sealed.len();
            sealed[at] ^= change;
            // The letters of an escape in the header may be large or small; what they spell is the same.
            if let Ok(again) = Envelope::open(&sealed, source, partition) {
                assert_eq!((again.cursor.as_slice(), again.plugin.as_str()), (bytes, plugin));
            }
        }
    }
}

fuzz_target!(|input: (&[u8], &str, &str, &str, (u16, u8))| {
    let (bytes, source, partition, plugin, place) = input;
    cursor::check(bytes, source, partition, plugin, place);
});
