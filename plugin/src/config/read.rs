//! Reads a configuration key by key.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::fields::{Fields, Issues, escape, kind};
use super::{
    DEFAULT_LOOKBACK, DEFAULT_START, DEFAULT_WINDOW, Filter, MAXIMUM_LOOKBACK, Settings, Start,
    Subscriptions, credential, endpoints,
};
use crate::contract::{Issue, Nanos};
use crate::duration::{self, MINUTE};
use crate::event;
use crate::facts::Phase;
use crate::format::Format;
use crate::guid;
use crate::instant;
use crate::labels::Labels;
use crate::rules::{self, DropRule, SeverityRow};

/// Every key of the configuration.
pub const KEYS: [&str; 17] = [
    "tenant_id",
    "client_id",
    "client_secret",
    "client_certificate",
    "client_assertion",
    "subscription_id",
    "tenant_log",
    "cloud",
    "start",
    "lookback",
    "window",
    "filter",
    "format",
    "labels",
    "phases",
    "drop",
    "severity",
];

/// The keys of `filter` with the API's names. The service takes at most one of them beside the time.
const FILTERS: [(&str, &str); 4] = [
    ("resource_group", "resourceGroupName"),
    ("resource_provider", "resourceProvider"),
    ("resource_id", "resourceUri"),
    ("correlation_id", "correlationId"),
];

/// The shortest window: below it slices cost more requests than they save.
const MINIMUM_WINDOW: Nanos = MINUTE;

/// A look-back below this misses events that Microsoft calls normal.
const DOCUMENTED_LATENESS: Nanos = 20 * MINUTE;

/// Reads a configuration. Returns it with warnings, or every issue at once.
pub fn read(config: &str) -> Result<(Settings, Vec<Issue>), Vec<Issue>> {
    let mut issues = Issues::default();
    // From bytes, as everything else here is read: for text the component would carry the whole parser a second time.
    let object = match serde_json::from_slice(config.as_bytes()) {
        Ok(Value::Object(object)) => object,
        Ok(other) => {
            issues.add(
                "",
                format!("the configuration must be a JSON object, not {}", kind(&other)),
            );
            return Err(issues.0);
        }
        // The parser's own message names line and column only; it never quotes the text.
        Err(error) => {
            issues.add("", format!("the configuration is not JSON: {error}"));
            return Err(issues.0);
        }
    };
    let mut warnings = Issues::default();
    let settings = settings(&object, &mut issues, &mut warnings);
    match settings {
        Some(settings) if issues.0.is_empty() => Ok((settings, warnings.0)),
        _ => Err(issues.0),
    }
}

/// None only if an issue was noted.
fn settings(object: &Map<String, Value>, issues: &mut Issues, warnings: &mut Issues) -> Option<Settings> {
    let fields = Fields::open(object, "", &KEYS, issues);

    let tenant = required(&fields, "tenant_id", "Directory (tenant) ID", issues).and_then(|text| {
        let tenant = guid::parse(text).or_else(|| domain(text));
        if tenant.is_none() {
            issues.add("/tenant_id", "is neither a GUID nor a domain; copy the Directory (tenant) ID from the overview of the app registration");
        }
        tenant
    });
    let client = required(&fields, "client_id", "Application (client) ID", issues).and_then(|text| {
        let client = guid::parse(text);
        if client.is_none() {
            issues.add(
                "/client_id",
                "is not a GUID; copy the Application (client) ID from the overview of the app registration",
            );
        }
        client
    });
    let credential = credential::read(&fields, issues, warnings);
    let tenant_log = fields.flag("tenant_log", issues).unwrap_or(false);
    let subscriptions = subscriptions(&fields, tenant_log, issues);
    let cloud = endpoints::read(&fields, issues);
    let start = start(&fields, issues);
    // An instant is judged later: there is no clock here.
    if let Start::Back(_) = start
        && let Some(warning) = start.warning(0)
    {
        warnings.add("/start", warning);
    }
    let lookback = duration_of(&fields, "lookback", "30m", issues).unwrap_or(DEFAULT_LOOKBACK);
    let window = duration_of(&fields, "window", "6h", issues).unwrap_or(DEFAULT_WINDOW);
    if lookback > MAXIMUM_LOOKBACK {
        issues.add(
            "/lookback",
            format!(
                "is longer than {}; shorten it",
                duration::format(MAXIMUM_LOOKBACK)
            ),
        );
    } else if lookback < DOCUMENTED_LATENESS {
        warnings.add(
            "/lookback",
            "is shorter than the 20 minutes that Microsoft documents for late events; later ones are missed",
        );
    }
    if window < MINIMUM_WINDOW {
        issues.add(
            "/window",
            format!(
                "is shorter than {}; lengthen it",
                duration::format(MINIMUM_WINDOW)
            ),
        );
    }
    let filter = filter(&fields, issues);
    let phases = phases(&fields, lookback, issues);
    let events = event::Settings {
        format: format(&fields, issues),
        drop: rows(&fields, "drop", DropRule::from_json, issues).unwrap_or_else(rules::default_drop),
        severity: rows(&fields, "severity", SeverityRow::from_json, issues).unwrap_or_default(),
        labels: labels(&fields, issues),
    };
    Some(Settings {
        tenant: tenant?,
        client: client?,
        credential: credential?,
        subscriptions: subscriptions?,
        tenant_log,
        cloud: cloud?,
        start,
        lookback,
        window,
        filter,
        phases,
        events,
    })
}

fn required<'a>(fields: &Fields<'a>, key: &str, portal_name: &str, issues: &mut Issues) -> Option<&'a str> {
    if fields.value(key).is_none() {
        issues.add(
            fields.pointer(key),
            format!("is missing; give the {portal_name} of the app registration"),
        );
    }
    fields.text(key, issues)
}

/// A verified domain such as `contoso.onmicrosoft.com`, in lower case.
fn domain(text: &str) -> Option<String> {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    (text.contains('.') && text.split('.').all(label)).then(|| text.to_ascii_lowercase())
}

fn subscriptions(fields: &Fields<'_>, tenant_log: bool, issues: &mut Issues) -> Option<Subscriptions> {
    const REMEDY: &str =
        "give a subscription GUID, a list of GUIDs, or \"*\" for every one that the application can read";
    let pointer = "/subscription_id";
    let listed: Vec<(String, &Value)> = match fields.value("subscription_id") {
        None if tenant_log => return Some(Subscriptions::These(Vec::new())),
        None => {
            issues.add(pointer, format!("is missing; {REMEDY}"));
            return None;
        }
        Some(Value::String(text)) if text.trim() == "*" => return Some(Subscriptions::All),
        Some(Value::Array(values)) if values.is_empty() && !tenant_log => {
            issues.add(pointer, format!("is an empty list; {REMEDY}"));
            return None;
        }
        Some(Value::Array(values)) => values
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("{pointer}/{index}"), value))
            .collect(),
        Some(value) => vec![(pointer.to_owned(), value)],
    };
    let mut ids = Vec::new();
    let mut known = HashSet::new();
    for (pointer, value) in listed {
        match value.as_str().map(|text| guid::parse(text.trim())) {
            Some(Some(id)) if !known.insert(id.clone()) => issues.add(pointer, "is listed twice; remove one"),
            Some(Some(id)) => ids.push(id),
            Some(None) => issues.add(pointer, format!("is not a GUID; {REMEDY}")),
            None => issues.add(pointer, format!("must be text, not {}; {REMEDY}", kind(value))),
        }
    }
    Some(Subscriptions::These(ids))
}

fn start(fields: &Fields<'_>, issues: &mut Issues) -> Start {
    let Some(text) = fields.text("start", issues) else {
        return Start::Back(DEFAULT_START);
    };
    let parsed = match text {
        "now" => Some(Start::Back(0)),
        _ => duration::parse(text)
            .map(Start::Back)
            .or_else(|| instant::parse_rfc3339(text).map(Start::At)),
    };
    parsed.unwrap_or_else(|| {
        issues.add("/start", "is neither `now`, nor a time back such as `24h` or `7d`, nor an instant such as `2026-01-31T00:00:00Z`");
        Start::Back(DEFAULT_START)
    })
}

fn duration_of(fields: &Fields<'_>, key: &str, example: &str, issues: &mut Issues) -> Option<Nanos> {
    let duration = duration::parse(fields.text(key, issues)?);
    if duration.is_none() {
        issues.add(
            fields.pointer(key),
            format!("is not a duration; write for example `{example}`"),
        );
    }
    duration
}

fn filter(fields: &Fields<'_>, issues: &mut Issues) -> Option<Filter> {
    let object = match fields.value("filter")? {
        Value::Object(object) => object,
        other => {
            issues.add("/filter", format!("must be an object, not {}", kind(other)));
            return None;
        }
    };
    let fields = Fields::open(object, "/filter", &FILTERS.map(|(key, _)| key), issues);
    let given: Vec<_> = FILTERS
        .into_iter()
        .filter(|(key, _)| fields.value(key).is_some())
        .collect();
    if given.len() > 1 {
        let keys: Vec<&str> = given.iter().map(|(key, _)| *key).collect();
        issues.add(
            "/filter",
            format!(
                "{} exclude each other: Azure takes one term beside the time; keep one",
                keys.join(" and ")
            ),
        );
        return None;
    }
    let (key, property) = *given.first()?;
    let value = fields.text(key, issues)?;
    if value.chars().any(char::is_control) {
        issues.add(fields.pointer(key), "contains a control character; remove it");
    }
    if key == "resource_id" && !value.starts_with('/') {
        issues.add(
            fields.pointer(key),
            "is not a full resource id; it begins with /subscriptions/",
        );
    }
    Some(Filter {
        property,
        value: value.to_owned(),
    })
}

/// The longest name and the longest value of a label, and the most labels: they are in every event.
const LONGEST_NAME: usize = 64;
const LONGEST_LABEL: usize = 256;
const MOST_LABELS: usize = 32;

fn labels(fields: &Fields<'_>, issues: &mut Issues) -> Labels {
    let object = match fields.value("labels") {
        None => return Labels::default(),
        Some(Value::Object(object)) => object,
        Some(other) => {
            issues.add("/labels", format!("must be an object, not {}", kind(other)));
            return Labels::default();
        }
    };
    if object.len() > MOST_LABELS {
        issues.add(
            "/labels",
            format!("has more than {MOST_LABELS} labels; remove some"),
        );
    }
    let mut labels = Vec::new();
    for (name, value) in object {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let problem = match value {
            _ if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) => {
                "has a name that not all receivers take; use up to 64 letters, digits, `_` and `-`"
            }
            Value::String(text) if text.len() > LONGEST_LABEL => "is longer than 256 bytes; shorten it",
            Value::String(text) => {
                labels.push((name.as_str(), text.as_str()));
                continue;
            }
            _ => "must be text",
        };
        issues.add(format!("/labels/{}", escape(name)), problem);
    }
    Labels::new(labels)
}

/// The phases that are wanted, in any order.
fn phases(fields: &Fields<'_>, lookback: Nanos, issues: &mut Issues) -> Vec<Phase> {
    let Some(names) = fields.list("phases", issues) else {
        return Phase::ALL.to_vec();
    };
    let known = |name: &Value| Phase::ALL.into_iter().find(|phase| name == phase.name());
    let wanted: Vec<Phase> = names.iter().filter_map(known).collect();
    let pointer = "/phases";
    if wanted.len() < names.len() {
        issues.add(
            pointer,
            "has an entry that is not a phase; the phases are `start`, `accepted` and `end`",
        );
    } else if !wanted.contains(&Phase::End) {
        issues.add(
            pointer,
            "lacks `end`, the record that says how an operation went; add it",
        );
    } else if lookback == 0 {
        issues.add(
            pointer,
            "needs a `lookback`: without one records are read once, and none can wait for the end of its operation",
        );
    }
    Phase::ALL
        .into_iter()
        .filter(|phase| wanted.contains(phase))
        .collect()
}

fn format(fields: &Fields<'_>, issues: &mut Issues) -> Format {
    let Some(name) = fields.text("format", issues) else {
        return Format::default();
    };
    name.parse().unwrap_or_else(|_| {
        issues.add(
            "/format",
            format!("is not a known format; give one of {}", Format::NAMES.join(", ")),
        );
        Format::default()
    })
}

/// A list of rows that know how to read themselves.
fn rows<Row>(
    fields: &Fields<'_>,
    key: &str,
    read: impl Fn(&Value) -> Result<Row, Vec<rules::Problem>>,
    issues: &mut Issues,
) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    for (index, value) in fields.list(key, issues)?.iter().enumerate() {
        match read(value) {
            Ok(row) => rows.push(row),
            Err(problems) => {
                for problem in problems {
                    issues.add(
                        format!("{}/{index}{}", fields.pointer(key), problem.pointer),
                        problem.message,
                    );
                }
            }
        }
    }
    Some(rows)
}
