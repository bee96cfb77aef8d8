//! Receivers that refuse. One event that is refused among others is a dead letter; a receiver that refuses everything, or
//! now this and now that, is at fault: its events wait and arrive once it is well.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::collector::{free_address, get};
use crate::lab;
use crate::network::Recorder;
use crate::site::{Site, Source, event_id, parse_lines, wait_until};

/// A receiver of NDJSON that goes by a rule until it is well.
struct OddReceiver {
    recorder: Recorder,
    is_well: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<String>>>,
}

impl OddReceiver {
    /// Takes what `takes` says of the number of the request and its body.
    fn start(takes: impl Fn(usize, &str) -> bool + Send + Sync + 'static) -> Self {
        let is_well = Arc::new(AtomicBool::new(false));
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let (state, kept, count) = (is_well.clone(), taken.clone(), AtomicUsize::new(0));
        let recorder = Recorder::replying(move |body| {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            if !state.load(Ordering::Relaxed) && !takes(number, body) {
                return (400, "invalid payload: deserialisation error".to_owned());
            }
            let ids = parse_lines(body).iter().map(event_id).collect::<Vec<_>>();
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
            (200, String::new())
        });
        Self {
            recorder,
            is_well,
            taken,
        }
    }

    fn sink(&self) -> String {
        format!(
            "type = \"http\"\nurl = \"http://127.0.0.1:{}/\"\ngzip = false",
            self.recorder.port()
        )
    }

    fn taken(&self) -> Vec<String> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        taken.sort();
        taken
    }

    fn distinct(&self) -> Vec<String> {
        self.taken()
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }
}

#[test]
fn a_receiver_that_refuses_everything_is_shown_as_refusing_and_gets_everything_once_it_is_well() {
    let server = lab::serve(lab::with_events(300));
    let receiver = OddReceiver::start(|_, _| false);
    let mut source = Source::azure("contoso", server.endpoint());
    source.sink = receiver.sink();
    let site = Site::new(&[source]);
    let address = free_address();
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[listen]\naddress = \"{address}\"\n{configuration}"),
    );
    let host = site.start_logged(&["run"]);
    wait_until("the receiver is shown as refusing", || {
        let listens = std::net::TcpStream::connect(address).is_ok();
        listens && get(address, "/status.json").contains("\"refused\"")
    });
    receiver.is_well.store(true, Ordering::Relaxed);
    let all = lab::visible_ids(&server);
    wait_until("everything has arrived", || receiver.taken() == all);
    host.says("ERROR")
        .says("host.refused")
        .says("deserialisation error");
    host.stop();
    assert_eq!(site.read("contoso.dead.ndjson"), "");
}

#[test]
fn a_refused_run_ends_with_an_error_and_the_next_one_delivers_everything() {
    let server = lab::serve(lab::with_events(40));
    let receiver = OddReceiver::start(|_, _| false);
    let mut source = Source::azure("contoso", server.endpoint());
    source.sink = receiver.sink();
    let site = Site::new(&[source]);
    site.run(&["run", "--once"])
        .exits_with(1)
        .says("deserialisation error")
        .says("fix the receiver");
    receiver.is_well.store(true, Ordering::Relaxed);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(receiver.taken(), lab::visible_ids(&server));
    assert_eq!(site.read("contoso.dead.ndjson"), "");
}

#[test]
fn a_receiver_that_takes_a_request_now_and_then_makes_no_dead_letters_of_good_events() {
    type Rule = fn(usize, &str) -> bool;
    let rules: [(&str, Rule); 3] = [
        ("small ones now and then", |number, body| {
            body.len() < 4_000 && number % 3 == 0
        }),
        ("every second", |number, _| number % 2 == 0),
        ("one in seven", |number, _| number % 7 == 0),
    ];
    for (name, rule) in rules {
        let server = lab::serve(lab::with_events(100));
        let receiver = OddReceiver::start(rule);
        let mut source = Source::azure("contoso", server.endpoint());
        source.sink = receiver.sink();
        let site = Site::new(&[source]);
        let _ = site.run(&["run", "--once"]);
        assert_eq!(site.read("contoso.dead.ndjson"), "", "{name}");
        receiver.is_well.store(true, Ordering::Relaxed);
        site.run(&["run", "--once"]).exits_with(0);
        assert_eq!(receiver.distinct(), lab::visible_ids(&server), "{name}");
        assert_eq!(site.read("contoso.dead.ndjson"), "", "{name}");
    }
}

#[test]
fn one_poisoned_event_of_forty_is_the_only_dead_letter_wherever_it_is() {
    for place in [0, 13, 39] {
        let server = lab::serve(lab::with_events(20));
        let all = lab::visible_ids(&server);
        let poison = all[place].clone();
        let bad = poison.clone();
        let receiver = OddReceiver::start(move |_, body| !body.contains(&bad));
        let mut source = Source::azure("contoso", server.endpoint());
        source.sink = receiver.sink();
        let site = Site::new(&[source]);
        site.run(&["run", "--once"])
            .exits_with(1)
            .says("WARN")
            .says("contoso.dead.ndjson")
            .says("deserialisation error");
        let others: Vec<String> = all.into_iter().filter(|id| *id != poison).collect();
        assert_eq!(receiver.distinct(), others, "{place}");
        let dead = site.events("contoso.dead.ndjson");
        assert_eq!(dead.len(), 1, "{place}: {dead:?}");
        assert_eq!(dead[0]["id"], poison.as_str());
        site.run(&["run", "--once"]).exits_with(0);
    }
}

#[test]
fn every_odd_answer_leaves_each_event_delivered_or_in_the_dead_letter_file() {
    // What the receiver says to the first requests, whatever it does with the events; then it takes everything.
    for (sink, odd) in [
        ("otlp", "{\"partialSuccess\":{\"rejectedLogRecords\":\"many\"}}"),
        ("otlp", "{\"code\":14,\"message\":\"unavailable\"}"),
        ("otlp", "<html>Log in</html>"),
        ("http", "<!DOCTYPE html><form>"),
        ("splunk-hec", "{\"text\":\"Success\"}"),
        ("splunk-hec", "<html>Log in</html>"),
        ("aisoc", "{\"status\":\"ok\"}"),
        ("elasticsearch", "{\"errors\":false,\"items\":[]}"),
    ] {
        let server = lab::serve(lab::with_events(10));
        let count = AtomicUsize::new(0);
        let ids: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let kept = ids.clone();
        let all = lab::visible_ids(&server);
        let known = all.clone();
        let recorder = Recorder::answering(move |body| {
            if count.fetch_add(1, Ordering::Relaxed) < 2 {
                return odd.to_owned();
            }
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(known.iter().filter(|id| body.contains(id.as_str())).cloned());
            match sink {
                "splunk-hec" => "{\"text\":\"Success\",\"code\":0}".to_owned(),
                "aisoc" => "{\"accepted\":1,\"rejected\":0}".to_owned(),
                "elasticsearch" => {
                    let items = vec!["{\"create\":{\"status\":201}}"; body.lines().count() / 2];
                    format!("{{\"items\":[{}]}}", items.join(","))
                }
                _ => String::new(),
            }
        });
        let url = format!("url = \"http://127.0.0.1:{}/\"\ngzip = false", recorder.port());
        let mut source = Source::azure("contoso", server.endpoint());
        source.sink = match sink {
            "otlp" | "http" => format!("type = \"{sink}\"\n{url}"),
            "splunk-hec" => format!("type = \"http\"\npreset = \"{sink}\"\n{url}\ntoken = \"t\""),
            "aisoc" => {
                format!("type = \"http\"\npreset = \"{sink}\"\n{url}\ntenant = \"t\"\nconnector_type = \"c\"")
            }
            _ => format!("type = \"http\"\npreset = \"{sink}\"\n{url}\nindex = \"logs-x\""),
        };
        let site = Site::new(&[source]);
        site.run(&["run", "--once"]).exits_with(0);
        assert_eq!(site.read("contoso.dead.ndjson"), "", "{sink} {odd}");
        let delivered: Vec<String> = ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect();
        assert_eq!(delivered, all, "{sink} {odd}");
    }
}
