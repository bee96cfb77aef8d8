//! Events per second of Vector's VRL on one core, making of the page of the benchmark `normalize` what Headwater makes
//! of it in ECS, member for member: one JSON object, like the lines of `cargo xtask bench`. VRL gets the records one by
//! one; Headwater's figure includes splitting the page.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use azure_activity::event::Record;
use azure_activity::format::Format;
use azure_activity::normalize::{self, Normalizer, Outcome, Settings};
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Context, Program, TargetValue, TimeZone};
use vrl::value::{KeyString, ObjectMap, Secrets, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As in the benchmark `normalize`.
const RECORDS: usize = 1_000;
const SPAN: Duration = Duration::from_millis(500);
const SPANS: usize = 5;

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = compile(&read(&here.join("ecs.vrl")));
    let record = read(&here.join("../../fixtures/bench/role-assignment.json"));
    let records: Vec<String> = (0..RECORDS)
        .map(|number| {
            let identity = format!("{number:08x}-0000-4000-8000-00000000e7e7");
            record.trim_end().replace("EVENT-DATA-ID", &identity)
        })
        .collect();
    let mut state = RuntimeState::default();
    let parse = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).expect("it is JSON");
    assert_eq!(
        parse(&map(&program, &mut state, &records[0])),
        parse(headwater(&records[0]).as_bytes()),
        "both make the same document"
    );

    let mut best = 0.0f64;
    for _ in 0..SPANS {
        let began = Instant::now();
        let mut events = 0;
        while began.elapsed() < SPAN {
            for record in &records {
                black_box(map(&program, &mut state, record));
            }
            events += records.len();
        }
        best = best.max(events as f64 / began.elapsed().as_secs_f64());
    }
    println!(
        r#"{{"bench":"peers","peer":"vrl 0.38","page":"role-assignments","format":"ecs","native_eps":{best:.0}}}"#
    );
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn compile(source: &str) -> Program {
    match vrl::compiler::compile(source, &vrl::stdlib::all()) {
        Ok(compiled) => compiled.program,
        Err(problems) => panic!("{}", vrl::diagnostic::Formatter::new(source, problems)),
    }
}

/// A record's way through Vector: text in, the program, JSON out.
fn map(program: &Program, state: &mut RuntimeState, record: &str) -> Vec<u8> {
    let event = ObjectMap::from([(KeyString::from("message"), Value::from(record))]);
    let mut target = TargetValue {
        value: Value::Object(event),
        metadata: Value::Object(ObjectMap::new()),
        secrets: Secrets::default(),
    };
    let zone = TimeZone::default();
    program
        .resolve(&mut Context::new(&mut target, state, &zone))
        .expect("the program has no unhandled failure");
    serde_json::to_vec(&target.value).expect("values are JSON")
}

fn headwater(record: &str) -> String {
    let mut normalizer = Normalizer::new(Settings {
        format: Format::Ecs,
        drop: Vec::new(),
        severity: Vec::new(),
    });
    match normalizer.apply(&Record::read(record.as_bytes()), &normalize::Context::default()) {
        Outcome::Event(event) => event.body,
        other => panic!("{other:?}"),
    }
}
