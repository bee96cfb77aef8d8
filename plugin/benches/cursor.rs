//! How long a cursor with 50,000 ids takes to read and to write. One JSON object.

use std::hint::black_box;
use std::time::{Duration, Instant};

use azure_activity::cursor::Cursor;
use azure_activity::duration::{HOUR, MINUTE};

const IDS: u64 = 50_000;
const ROUNDS: usize = 101;

fn main() {
    let start = 1000 * HOUR;
    let mut cursor = Cursor::new(start, 30 * MINUTE);
    for id in 0..IDS {
        cursor
            .seen
            .note(id.wrapping_mul(0x9e37_79b9_7f4a_7c15), start + id % 40 * MINUTE);
    }
    let bytes = cursor.encode();
    let decode = median(|| drop(black_box(Cursor::decode(black_box(&bytes)))));
    let encode = median(|| drop(black_box(black_box(&mut cursor).encode())));
    println!(
        r#"{{"bench":"cursor","ids":{IDS},"bytes":{},"decode_us":{},"encode_us":{}}}"#,
        bytes.len(),
        decode.as_micros(),
        encode.as_micros()
    );
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}
