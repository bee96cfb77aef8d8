//! `[source.sink]`: where events go.

use std::time::Duration;

use super::http;
use super::places::{Places, SECRET_FORMS};
use super::section::Section;
use super::source::make_template;
use super::url::check_address;
use headwater::secret::{Template, problem_of};
use headwater::sink::{ForwardReceiver, Rotation, SinkConfig};

/// The tag of forwarded events.
const DEFAULT_TAG: &str = "headwater";

/// Smaller or shorter-lived files would be thousands.
const SMALLEST_FILE: u64 = 64 << 10;
const SHORTEST_PERIOD: Duration = Duration::from_secs(60);

/// Reads the section; problems are noted in it.
pub(super) fn read(section: Section<'_>, places: &Places<'_>) -> SinkConfig {
    let kind = section.required_text("type", "stdout");
    let sink = match kind.as_str() {
        "stdout" | "" => SinkConfig::Stdout,
        "file" => SinkConfig::File {
            path: places.join(section.required_text("path", "events.ndjson")),
            rotation: read_rotation(&section),
        },
        "http" => http::read(&section, places),
        "forward" => SinkConfig::Forward(read_forward(&section, places)),
        "otlp" => SinkConfig::Otlp {
            endpoint: http::read_endpoint(&section, places),
        },
        other => {
            section.problem(
                "type",
                format_args!("`{other}` is not a sink type; use stdout, file, http, forward or otlp"),
            );
            return SinkConfig::Stdout;
        }
    };
    section.finish();
    sink
}

pub(super) fn read_rotation(section: &Section<'_>) -> Rotation {
    let rotation = Rotation {
        size: section.size("rotate_size"),
        every: section.duration("rotate_every"),
    };
    if rotation.size.is_some_and(|size| size < SMALLEST_FILE) {
        section.problem(
            "rotate_size",
            "is too small for a file; give at least \"64KiB\", better \"100MiB\"",
        );
    }
    if rotation.every.is_some_and(|every| every < SHORTEST_PERIOD) {
        section.problem(
            "rotate_every",
            "is too often for a file; give at least \"1m\", better \"24h\"",
        );
    }
    rotation
}

fn read_forward(section: &Section<'_>, places: &Places<'_>) -> ForwardReceiver {
    let address = section.required_text("address", "127.0.0.1:24224");
    if let Err(problem) = check_address(&address)
        && !address.is_empty()
    {
        section.problem("address", problem);
    }
    ForwardReceiver {
        address,
        tag: section.text("tag").unwrap_or_else(|| DEFAULT_TAG.to_owned()),
        attributes: section.text("attributes"),
        tls: section.flag("tls").unwrap_or(false),
        ca: section.text("ca").map(|path| places.join(path)),
        login: read_login(section, places),
    }
}

/// The keys of a login; empty where there is none.
fn read_login(section: &Section<'_>, places: &Places<'_>) -> Template {
    let mut table = toml::Table::new();
    for key in ["shared_key", "user", "password"] {
        match section.value(key) {
            None => {}
            Some(value) if value.is_str() || value.is_table() => {
                if let Some(problem) = value.as_str().and_then(problem_of) {
                    section.problem(key, problem);
                }
                table.insert(key.to_owned(), value.clone());
            }
            Some(_) => section.problem(key, SECRET_FORMS),
        }
    }
    if !table.is_empty() && !table.contains_key("shared_key") {
        section.problem(
            "shared_key",
            "missing; a user logs in with the receiver's shared key as well",
        );
    }
    make_template(section, "sink", &table, places)
}
