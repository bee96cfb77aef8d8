//! kill -9 at any moment, with each sink that acknowledges: nothing is lost, and only batches in flight come twice.

use std::thread;
use std::time::Duration;

use fake_azure::Server;

use crate::lab;
use crate::site::{Site, Source, event_id, finish, parse_lines};

const BATCH: usize = 100;
const KILLS: u32 = 6;
/// Each of the two subscriptions has a batch in flight.
const MOST_REPEATED: usize = KILLS as usize * 2 * BATCH;

/// The example tenant with small batches and this sink.
pub fn source(server: &Server, sink: &str) -> Source {
    Source {
        sink: sink.to_owned(),
        rest: format!("[source.limits]\nbatch_events = {BATCH}"),
        ..Source::azure("contoso", server.endpoint())
    }
}

/// Reads everything, killed on the way again and again.
pub fn killed_on_the_way(source: Source) -> Site {
    let site = Site::new(&[source]);
    for kill in 0..KILLS {
        let mut child = site.start(&["run", "--once"]);
        thread::sleep(Duration::from_millis(150) + kill * Duration::from_millis(70));
        let _ = child.kill();
        let _ = finish(child);
    }
    site.run(&["run", "--once"]).exits_with(0);
    site
}

#[track_caller]
pub fn assert_nothing_lost(server: &Server, mut delivered: Vec<String>) {
    let count = delivered.len();
    delivered.sort();
    delivered.dedup();
    assert_eq!(delivered, lab::visible_ids(server));
    let repeated = count - delivered.len();
    assert!(repeated <= MOST_REPEATED, "{repeated} came again");
}

#[test]
fn a_file_that_rotates_has_every_event_on_a_whole_line() {
    let server = lab::serve(lab::with_events(2_000));
    let sink = "type = \"file\"\npath = \"events.ndjson\"\nrotate_size = \"1MiB\"";
    let site = killed_on_the_way(source(&server, sink));
    let files: Vec<String> = std::fs::read_dir(site.path(""))
        .expect("the folder is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("events.") && name.ends_with(".ndjson"))
        .collect();
    assert!(files.len() > 5, "{files:?}");
    let ids = files
        .iter()
        .flat_map(|name| parse_lines(&site.read(name)))
        .map(|event| event_id(&event));
    assert_nothing_lost(&server, ids.collect());
}
