//! `[source.sink]`: where events go.

use super::places::{Places, SECRET_FORMS};
use super::section::Section;
use super::templates::make_template;
use super::url::check_address;
use super::{http, rotation};
use headwater::secret::{Template, problem_of};
use headwater::sink::{ForwardReceiver, SinkConfig};

/// The tag of forwarded events.
const DEFAULT_TAG: &str = "headwater";

/// Reads the section; problems are noted in it.
pub(super) fn read(section: Section<'_>, places: &Places<'_>) -> SinkConfig {
    let kind = section.required_text("type", "stdout");
    let sink = match kind.as_str() {
        "stdout" | "" => SinkConfig::Stdout,
        "file" => SinkConfig::File {
            path: places.join(section.required_text("path", "events.ndjson")),
            rotation: rotation::read(&section),
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
