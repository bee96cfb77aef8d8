//! How many records a second become events on one core, natively: one JSON object per page and format.

mod pages;

use std::hint::black_box;
use std::time::{Duration, Instant};

use azure_activity::event::Record;
use azure_activity::format::Format;
use azure_activity::normalize::{Context, Normalizer, Outcome, Settings};
use azure_activity::{page, rules};

/// Long enough for the clock and for the processor to settle.
const SPAN: Duration = Duration::from_millis(500);

/// The best of so many spans counts: the others were disturbed.
const SPANS: usize = 5;

fn main() {
    for (name, body) in [
        ("role-assignments", pages::role_assignments()),
        ("mixed", pages::mixed()),
    ] {
        for format in Format::ALL {
            let seconds = (0..SPANS)
                .map(|_| seconds_per_page(&body, format))
                .fold(f64::INFINITY, f64::min);
            println!(
                r#"{{"bench":"normalize","page":"{name}","format":"{}","native_eps":{:.0},"native_mbps":{:.0}}}"#,
                format.name(),
                pages::RECORDS as f64 / seconds,
                body.len() as f64 / seconds / 1e6,
            );
        }
    }
}

fn seconds_per_page(body: &[u8], format: Format) -> f64 {
    let start = Instant::now();
    let mut pages = 0;
    while start.elapsed() < SPAN {
        normalize(black_box(body), format);
        pages += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(pages)
}

/// A page's whole way, as in a poll.
fn normalize(body: &[u8], format: Format) {
    let settings = Settings {
        format,
        drop: rules::default_drop(),
        severity: Vec::new(),
    };
    let mut normalizer = Normalizer::new(settings);
    let page = page::read(body).expect("the pages are whole");
    let mut events = Vec::with_capacity(page.items.len());
    for item in page.items {
        if let Outcome::Event(event) = normalizer.apply(&Record::read(item), &Context::default()) {
            events.push(event);
        }
    }
    black_box(events);
}
