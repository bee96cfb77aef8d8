//! Several attackers at once, in the whole process: its memory stays under the sum that follows from the configuration.

use std::process::Child;
use std::time::Duration;

use crate::attackers;
use crate::lab;
use crate::site::{Site, Source, wait_until};

const MEBI: u64 = 1 << 20;

/// The configuration under attack.
const TOGETHER: u64 = 600 * MEBI;
const MEMORY: u64 = 40 * MEBI;
const HOST_MEMORY: u64 = 8 * MEBI;
/// Partitions of each attacker.
const PARTITIONS: u64 = 8;

/// What each of the attackers does. Those after the first three hand over batches, which wait for their receiver.
const ATTACKS: [&str; 7] = [
    "memory-bomb",
    "hoard-bodies",
    "session-bomb",
    "heavy-batch",
    "giant-event",
    "long-ids",
    "many-attributes",
];

/// The sum in docs/host.md#memory for this configuration, part by part.
fn bound() -> u64 {
    let sources = ATTACKS.len() as u64 + 1;
    let plugins = 2;
    let call = MEMORY + HOST_MEMORY + MEMORY + 4 * MEBI + 10 * MEBI;
    let calls = (TOGETHER / call).min(8 * sources).min(256);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let program = (150 + 10 * (plugins - 1)) * MEBI;
    let kept = 12 * MEBI * (calls + 32);
    let workers = cores * 2 * MEMORY;
    let connections = TOGETHER / 4;
    let own = 4 * MEBI * sources;
    let batches = (16 * sources + 384) * MEBI;
    // A single event of 30 MiB is a request of its own; the others have 8 MiB.
    let requests = 8 * ((8 + 4) * (sources - 1) + (30 + 4)) * MEBI;
    let log_and_state = 12 * MEBI;
    program + TOGETHER + kept + workers + connections + own + batches + requests + log_and_state
}

/// Resident memory of a process in bytes: the most there ever was.
fn peak(host: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.expect("the host runs") << 10
}

#[cfg(target_os = "linux")]
#[test]
fn the_whole_process_stays_under_the_sum_of_its_configuration() {
    let server = lab::serve(lab::with_events(30));
    let hung = attackers::hung();
    let partitions: Vec<String> = (0..PARTITIONS).map(|number| format!("\"{number}\"")).collect();
    let mut sources = vec![Source::azure("contoso", server.endpoint())];
    for attack in ATTACKS {
        let mut hostile = Source::hostile(attack).set("partitions", &format!("[{}]", partitions.join(", ")));
        hostile.name = attack.to_owned();
        hostile.sink = format!("type = \"http\"\nurl = \"http://{}/\"", hung.address);
        hostile.rest = format!(
            "[source.limits]\npoll_timeout = \"20s\"\nmemory = \"{MEMORY}\"\nhost_memory = \"{HOST_MEMORY}\""
        );
        sources.push(hostile);
    }
    let site = Site::new(&sources);
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[limits]\nmemory = \"{TOGETHER}\"\n{configuration}"),
    );
    let mut host = site.start_unread(&["run"]);
    wait_until("the honest tenant has everything", || {
        site.ids("contoso.ndjson") == lab::visible_ids(&server)
    });
    // Long enough that every batch that may wait does.
    std::thread::sleep(Duration::from_secs(25));
    let most = peak(&host);
    let _ = host.kill();
    let _ = host.wait();
    let bound = bound();
    assert!(
        most < bound,
        "{} MiB were resident, at most {} should be",
        most / MEBI,
        bound / MEBI
    );
    assert!(most > 250 * MEBI, "only {} MiB: nobody attacked", most / MEBI);
}
