//! The component makes of a page what the same code makes of it natively. Natively, text is scanned with arithmetic on
//! words, in the component with SIMD instructions, which no native test reaches: so here are pages of every record of
//! `fixtures/events`, whole and damaged.

use std::fs;

use azure_activity::format::Format;
use fake_azure::random::Random;

use crate::artifacts::{azure_activity, workspace};
use crate::native;
use crate::support::Tenant;

/// Pages for each format; the first is whole.
const PAGES: u64 = 40;

/// What damages a record: all that means something in JSON, and what is no text at all.
const ODD: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"\\\"",
    b"\\u0041",
    b"\\ud83d",
    b"\x01",
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"_",
    b"\xff",
    "é".as_bytes(),
];

/// What a batch holds, whichever of the two types it is of.
macro_rules! contents {
    ($batch:ident) => {{
        let events = $batch.events.into_iter();
        let rejected = $batch.rejected.into_iter();
        (
            events
                .map(|event| {
                    (
                        event.id,
                        Option::<u64>::from(event.time),
                        event.severity,
                        event.body,
                    )
                })
                .collect::<Vec<_>>(),
            rejected
                .map(|item| (item.id, item.reason, item.raw))
                .collect::<Vec<_>>(),
        )
    }};
}

#[test]
fn the_component_makes_of_any_page_what_native_code_makes_of_it() {
    let records = records();
    for format in Format::ALL {
        let mut whole = 0;
        for number in 0..PAGES {
            let page = page(&records, number);
            let tenant = Tenant::new(azure_activity(), page.clone(), format.name()).expect("it loads");
            let component = tenant.poll().ok().map(|(batch, _)| contents!(batch));
            let native = native::poll(&page, format).ok().map(|batch| contents!(batch));
            whole += u64::from(native.is_some());
            assert_eq!(component, native, "{} of page {number}", format.name());
        }
        assert!(whole > PAGES / 2, "only {whole} pages could be read at all");
    }
}

fn records() -> Vec<Vec<u8>> {
    let folder = workspace().join("fixtures/events");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the fixtures are in the repository")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read(file).expect("it is readable"))
        .collect()
}

/// All records; but for page 0, some of them damaged in a place or two.
fn page(records: &[Vec<u8>], number: u64) -> Vec<u8> {
    let damaged: Vec<Vec<u8>> = (0..)
        .zip(records)
        .map(|(index, record)| {
            let mut random = Random::for_item(number, index);
            let mut record = record.clone();
            let places = if number == 0 { 0 } else { random.below(3) / 2 };
            for _ in 0..places {
                let at = random.below(record.len() as u64) as usize;
                let odd = *random.pick(&ODD);
                record.splice(at..=at, odd.iter().copied());
            }
            record
        })
        .collect();
    [b"{\"value\":[".as_slice(), &damaged.join(&b','), b"]}"].concat()
}
