//! Every record of `fixtures/events` in every format, as snapshots for people to read.

use std::fs;
use std::path::{Path, PathBuf};

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::record::Record;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/events");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the fixtures are beside the crate")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

/// Nothing is dropped, so that every fixture shows.
fn normalizer(format: Format) -> Normalizer {
    Normalizer::new(Settings {
        format,
        drop: Vec::new(),
        severity: Vec::new(),
        ..Settings::default()
    })
}

fn event(format: Format, raw: &[u8]) -> serde_json::Value {
    match normalizer(format).apply(&Record::read(raw)) {
        Outcome::Event(event) => {
            assert!(!event.body.contains('\n'), "a body is one line");
            serde_json::from_str(&event.body).expect("bodies are JSON")
        }
        other => panic!("{other:?}"),
    }
}

/// The record as received is in the fixture already: here only that it is there.
fn without_original(format: Format, mut body: serde_json::Value) -> serde_json::Value {
    let original = match format {
        Format::Ecs | Format::Elastic => body.pointer_mut("/event/original"),
        Format::Ocsf => body.pointer_mut("/raw_data"),
        Format::Aisoc => body.pointer_mut("/raw_event"),
        Format::Otel => body.pointer_mut("/attributes/log.record.original"),
        Format::Raw => None,
    };
    if let Some(original) = original {
        *original = "…".into();
    }
    // Differs from release to release.
    for path in ["/observer/version", "/scope/version"] {
        if let Some(version) = body.pointer_mut(path) {
            *version = "…".into();
        }
    }
    body
}

#[test]
fn every_fixture_reads_as_its_snapshot() {
    for file in fixtures() {
        let raw = fs::read(&file).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        for format in Format::ALL.into_iter().filter(|format| *format != Format::Raw) {
            let body = without_original(format, event(format, &raw));
            insta::with_settings!({ snapshot_path => format!("snapshots/{}", format.name()), prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_json_snapshot!(name.as_str(), body);
            });
        }
    }
}

#[test]
fn the_record_inside_each_format_is_the_record_received() {
    for file in fixtures() {
        let raw = fs::read(&file).unwrap();
        let expected: serde_json::Value = serde_json::from_slice(&raw).unwrap();
        let ecs = event(Format::Ecs, &raw);
        let ocsf = event(Format::Ocsf, &raw);
        let text = |value: &serde_json::Value| serde_json::from_str(value.as_str().unwrap()).unwrap();
        let elastic = event(Format::Elastic, &raw);
        let otel = event(Format::Otel, &raw);
        let found: [(Format, serde_json::Value); Format::ALL.len()] = [
            (Format::Raw, event(Format::Raw, &raw)),
            (Format::Aisoc, event(Format::Aisoc, &raw)["raw_event"].clone()),
            (Format::Ecs, text(&ecs["event"]["original"])),
            (Format::Elastic, text(&elastic["event"]["original"])),
            (Format::Ocsf, text(&ocsf["raw_data"])),
            (Format::Otel, text(&otel["attributes"]["log.record.original"])),
        ];
        for (format, found) in found {
            assert_eq!(found, expected, "{} of {}", format.name(), file.display());
        }
    }
}

#[test]
fn the_envelope_always_has_its_thirteen_keys() {
    let mut expected = [
        "source",
        "external_id",
        "category",
        "title",
        "description",
        "severity",
        "actor",
        "actor_email",
        "event_type",
        "resource",
        "resource_id",
        "raw_event",
        "created_at",
    ];
    expected.sort_unstable();
    for file in fixtures() {
        let body = event(Format::Aisoc, &fs::read(&file).unwrap());
        let mut keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, expected, "{}", file.display());
    }
}

#[test]
fn identity_time_and_severity_are_the_same_in_all_formats() {
    for file in fixtures() {
        let raw = fs::read(&file).unwrap();
        let envelopes: Vec<_> = Format::ALL
            .into_iter()
            .map(
                |format| match normalizer(format).apply(&Record::read(raw.as_slice())) {
                    Outcome::Event(event) => (event.id, event.time, event.severity),
                    other => panic!("{other:?}"),
                },
            )
            .collect();
        assert!(
            envelopes.windows(2).all(|pair| pair[0] == pair[1]),
            "{}: {envelopes:?}",
            file.display()
        );
    }
}
