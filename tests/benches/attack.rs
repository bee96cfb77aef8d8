//! What an attacker takes from an honest tenant in the same process: the events per second of the honest one, alone and
//! beside each attack, in the real host over sockets. One JSON object per attack.
//!
//! On a machine that others use, the two are measured one right after the other, several times, and the median of the ratios
//! counts. Arguments choose attacks by a part of their names.

#[path = "../tests/e2e/artifacts.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod artifacts;
#[path = "../tests/e2e/attackers.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod attackers;
#[path = "../tests/e2e/lab.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod lab;
#[path = "../tests/e2e/network.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod network;
#[path = "support/scenes.rs"]
mod scenes;
#[path = "../tests/e2e/site.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod site;

use std::fs::File;
use std::io::Read;
use std::time::Instant;

use scenes::{ATTACKS, Attack, Scene};
use site::{Site, Source, wait_until};

/// Events of each of the honest tenant's two subscriptions: some seconds of work.
const EVENTS: u32 = 40_000;
/// How often each attack is measured, each time with the honest tenant alone before it.
const PAIRS: usize = 3;

fn main() {
    // Cargo passes `--bench`, too.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted =
        |attack: &&Attack| wanted.is_empty() || wanted.iter().any(|part| attack.name.contains(part.as_str()));
    for attack in ATTACKS.iter().filter(is_wanted) {
        let mut pairs: Vec<(f64, f64)> = (0..PAIRS)
            .map(|_| (honest_speed(None), honest_speed(Some(attack))))
            .collect();
        pairs.sort_by(|one, other| (one.1 / one.0).total_cmp(&(other.1 / other.0)));
        let (alone, beside) = pairs[PAIRS / 2];
        let name = attack.name;
        println!(
            r#"{{"bench":"attack","attack":"{name}","honest_eps":{beside:.0},"alone_eps":{alone:.0},"ratio":{:.2}}}"#,
            beside / alone
        );
    }
}

/// The honest tenant's events per second, from the start of the host until the last of them is in the file.
fn honest_speed(attack: Option<&Attack>) -> f64 {
    let server = lab::serve(lab::with_events(EVENTS));
    let mut scene = Scene::new(server.endpoint());
    scene.sources.push(Source::azure("contoso", server.endpoint()));
    if let Some(attack) = attack {
        (attack.prepare)(&mut scene);
    }
    let site = Site::new(&scene.sources);
    let configuration = site.read("headwater.toml");
    site.write("headwater.toml", &format!("{}\n{configuration}", scene.head));
    for (name, text) in &scene.files {
        site.write(name, text);
    }
    let _during: Vec<_> = scene.on_site.drain(..).map(|begin| begin(&site)).collect();
    let expected = 2 * EVENTS as usize;
    let began = Instant::now();
    let mut host = site.start_unread(&["run"]);
    let mut delivered = Delivered::default();
    wait_until("every event of the honest tenant is there", || {
        delivered.count(&site) >= expected
    });
    let took = began.elapsed();
    let _ = host.kill();
    let _ = host.wait();
    expected as f64 / took.as_secs_f64()
}

/// The lines of the honest tenant's file. Each byte is read once: reading the whole file again and again would take a core from
/// everybody.
#[derive(Default)]
struct Delivered {
    file: Option<File>,
    lines: usize,
}

impl Delivered {
    fn count(&mut self, site: &Site) -> usize {
        if self.file.is_none() {
            self.file = File::open(site.path("contoso.ndjson")).ok();
        }
        let mut piece = vec![0; 1 << 20];
        while let Some(file) = &mut self.file {
            let read = file.read(&mut piece).expect("the file can be read");
            self.lines += piece[..read].iter().filter(|byte| **byte == b'\n').count();
            if read < piece.len() {
                break;
            }
        }
        self.lines
    }
}
