//! Any record becomes one JSON object on one line, in every format, or is rejected with its bytes.
#![no_main]

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::record::Record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for format in Format::ALL {
        let settings = Settings {
            format,
            ..Settings::default()
        };
        match Normalizer::new(settings).apply(&Record::read(bytes)) {
            Outcome::Event(event) => {
                assert!(!event.body.contains(['\n', '\r']), "{}", event.body);
                let body: serde_json::Value = serde_json::from_str(&event.body).expect("bodies are JSON");
                assert!(body.is_object() && !event.id.is_empty());
            }
            Outcome::Rejected(rejected) => assert_eq!(rejected.raw, bytes),
            Outcome::Dropped { .. } => panic!("no rule drops it"),
        }
    }
});
