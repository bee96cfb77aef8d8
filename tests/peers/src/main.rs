//! Events per second of Vector's VRL on one core, making of the page of the benchmark `normalize` what Headwater makes
//! of it in ECS, member for member: one JSON object, like the lines of `cargo xtask bench`. VRL gets the records one by
//! one; Headwater's figure includes splitting the page.

#[path = "../../benches/support/pace.rs"]
mod pace;
#[path = "../../benches/support/pages.rs"]
#[expect(dead_code, reason = "the benchmark uses the rest")]
mod pages;

use std::convert::Infallible;
use std::hint::black_box;

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::page::{self, PageError};
use azure_activity::record::Record;
use pace::best;
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Context, Program, TargetValue, TimeZone};
use vrl::value::{KeyString, ObjectMap, Secrets, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let program = compile(include_str!("../ecs.vrl"));
    for (name, body) in [
        ("role-assignments", pages::role_assignments()),
        ("varied", pages::varied(0)),
    ] {
        measure(name, body, &program);
    }
}

fn measure(name: &str, body: Vec<u8>, program: &Program) {
    let mut records = Vec::new();
    let read = page::read([Ok::<_, PageError>(body)], |record| {
        records.push(record.raw().to_vec());
        Some(())
    });
    read.expect("the page is whole");
    let mut state = RuntimeState::default();
    let first = records[0].as_slice();
    let parse = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).expect("it is JSON");
    assert_eq!(
        parse(&map(program, &mut state, first)),
        parse(headwater(first).as_bytes()),
        "both make the same document"
    );

    let Ok([eps]) = best([&mut || {
        for record in &records {
            black_box(map(program, &mut state, record));
        }
        Ok::<_, Infallible>(records.len())
    }]);
    println!(
        r#"{{"bench":"peers","peer":"vrl 0.38","page":"{name}","format":"ecs","native_eps":{eps:.0},"us_per_event":{:.1}}}"#,
        1e6 / eps
    );
}

fn compile(source: &str) -> Program {
    match vrl::compiler::compile(source, &vrl::stdlib::all()) {
        Ok(compiled) => compiled.program,
        Err(problems) => panic!("{}", vrl::diagnostic::Formatter::new(source, problems)),
    }
}

/// A record's way through Vector: text in, the program, JSON out.
fn map(program: &Program, state: &mut RuntimeState, record: &[u8]) -> Vec<u8> {
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

fn headwater(record: &[u8]) -> String {
    let mut normalizer = Normalizer::new(Settings {
        format: Format::Ecs,
        ..Settings::default()
    });
    match normalizer.apply(&Record::read(record)) {
        Outcome::Event(event) => event.body,
        other => panic!("{other:?}"),
    }
}
