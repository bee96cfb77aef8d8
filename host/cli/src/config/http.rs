//! `[source.sink]` of receivers over HTTP: the endpoint, the login, and presets for receivers with ways of their own.

use http::Uri;
use toml::{Table, Value};

use super::outbound;
use super::places::{Places, SECRET_FORMS};
use super::section::Section;
use super::templates::{make_template, read_table};
use super::url::{UrlKind, parse_url};
use super::written::read_secret_text;
use headwater::egress::Origin;
use headwater::secret::{SecretText, problem_of};
use headwater::sink::{
    AisocConnector, Authorization, ClientCredentials, Encoding, Endpoint, SinkConfig, SplunkFields,
};

/// Adds nothing to search for and nothing to read: only what the outcome of an event is.
const BULK: &str =
    "_bulk?filter_path=errors,items.*._id,items.*.status,items.*.error.type,items.*.error.reason";

/// Smaller requests would hold no event at all.
const SMALLEST_REQUEST: u64 = 16 << 10;

/// Reads a sink of type `http`; problems are noted in the section.
pub(super) fn read(section: &Section<'_>, places: &Places<'_>) -> SinkConfig {
    let preset = section.text("preset");
    let (endpoint, encoding) = match preset.as_deref() {
        None => (read_endpoint(section, places), read_format(section)),
        Some("elasticsearch") => {
            let index = read_index(section);
            let pipeline = read_pipeline(section);
            let path = format!("{index}/{BULK}{pipeline}");
            let endpoint = receiver(section, places, &path, Table::new(), true);
            (endpoint, Encoding::Elasticsearch)
        }
        Some("splunk-hec") => read_splunk(section, places),
        Some("aisoc") => {
            let tenant = section.required_text("tenant", "contoso");
            let kind = section.required_text("connector_type", "audit_log");
            let headers = Table::from_iter([("x-tenant-id".to_owned(), tenant.into())]);
            let endpoint = receiver(section, places, "v1/ingest", headers, false);
            (endpoint, Encoding::Aisoc(AisocConnector { kind }))
        }
        Some("sekoia") => {
            let key = secret(section, "intake_key", places).map(|_| section.value("intake_key"));
            let key = key.flatten().cloned().unwrap_or_else(|| Value::from(""));
            let headers = Table::from_iter([("x-sekoiaio-intake-key".to_owned(), key)]);
            (
                receiver(section, places, "plain/batch", headers, false),
                Encoding::Ndjson,
            )
        }
        Some(other) => {
            section.problem(
                "preset",
                format_args!(
                    "`{other}` is unknown; use elasticsearch, splunk-hec, aisoc or sekoia, or leave it out"
                ),
            );
            (Endpoint::default(), Encoding::Ndjson)
        }
    };
    SinkConfig::Http { endpoint, encoding }
}

fn read_splunk(section: &Section<'_>, places: &Places<'_>) -> (Endpoint, Encoding) {
    let mut endpoint = receiver(section, places, "services/collector/event", Table::new(), true);
    endpoint.authorization =
        secret(section, "token", places).map(|token| Authorization::Token("Splunk", token));
    let sourcetype = section.text("sourcetype").unwrap_or_else(|| "_json".to_owned());
    let index = section.text("index");
    (endpoint, Encoding::Splunk(SplunkFields { sourcetype, index }))
}

/// Reads the keys of any receiver that is posted to at `url` itself.
pub(super) fn read_endpoint(section: &Section<'_>, places: &Places<'_>) -> Endpoint {
    receiver(section, places, "", Table::new(), true)
}

/// Reads the keys of a receiver that is posted to at `path` below `url`, with these header fields of its own.
fn receiver(section: &Section<'_>, places: &Places<'_>, path: &str, own: Table, gzip: bool) -> Endpoint {
    let mut table = read_table(section, "headers");
    table.extend(own);
    for (name, value) in &table {
        if let Some(problem) = value.as_str().and_then(problem_of) {
            section.problem(&format!("headers.{name}"), problem);
        }
    }
    let headers = make_template(section, "headers", &table, places);
    Endpoint {
        url: read_url(section, path),
        gzip: section.flag("gzip").unwrap_or(gzip),
        headers,
        authorization: read_authorization(section, places),
        oauth2: read_oauth2(section, places),
        max_request: read_max_request(section),
        outbound: outbound::read(section, places),
    }
}

fn read_url(section: &Section<'_>, path: &str) -> Uri {
    let text = section.required_text("url", "https://collector.example/ingest");
    if text.is_empty() {
        return Uri::default();
    }
    let (kind, whole) = match path {
        "" => (UrlKind::Whole, text.clone()),
        path => (UrlKind::Base, format!("{}/{path}", text.trim_end_matches('/'))),
    };
    match parse_url(&text, kind) {
        // The preset's own path has a query.
        Ok(_) => parse_url(&whole, UrlKind::Whole).unwrap_or_default(),
        Err(problem) => {
            section.problem("url", problem);
            Uri::default()
        }
    }
}

fn read_authorization(section: &Section<'_>, places: &Places<'_>) -> Option<Authorization> {
    let bearer = section
        .value("bearer")
        .and_then(|_| secret(section, "bearer", places));
    let basic = section.table("basic").and_then(|basic| {
        let user = basic.required_text("user", "headwater");
        let password = secret(&basic, "password", places);
        basic.finish();
        Some(Authorization::Basic(user, password?))
    });
    if bearer.is_some() && basic.is_some() {
        section.problem("bearer", "is used together with `basic`; keep one of them");
    }
    bearer
        .map(|token| Authorization::Token("Bearer", token))
        .or(basic)
}

/// A login with client credentials.
fn read_oauth2(section: &Section<'_>, places: &Places<'_>) -> Option<ClientCredentials> {
    let table = section.table("oauth2")?;
    let text = table.required_text("token_url", "https://login.example/oauth2/v2.0/token");
    let url = match parse_url(&text, UrlKind::Whole) {
        Ok(url) => Some(url),
        Err(_) if text.is_empty() => None,
        Err(problem) => {
            table.problem("token_url", problem);
            None
        }
    };
    let is_open = |url: &Uri| url.scheme_str() == Some("http");
    let is_local = |url: &Uri| Origin::of(url).is_some_and(|origin| origin.is_loopback());
    if url.as_ref().is_some_and(|url| is_open(url) && !is_local(url)) {
        table.problem(
            "token_url",
            "must begin with https: the secret would be sent unencrypted",
        );
    }
    let client_id = table.required_text("client_id", "bbbbbbbb-0000-0000-0000-000000000002");
    let client_secret = secret(&table, "client_secret", places);
    let scope = table.text("scope");
    table.finish();
    for other in ["bearer", "basic"] {
        if section.value(other).is_some() {
            section.problem(
                "oauth2",
                format_args!("is used together with `{other}`; keep one of them"),
            );
        }
    }
    Some(ClientCredentials {
        token_url: url?,
        client_id,
        client_secret: client_secret?,
        scope,
    })
}

fn read_max_request(section: &Section<'_>) -> Option<usize> {
    let size = section.size("max_request")?;
    if size < SMALLEST_REQUEST {
        section.problem("max_request", "is too small for events; give at least \"16KiB\"");
    }
    Some(usize::try_from(size).unwrap_or(usize::MAX))
}

/// A text that must be there, as it is or kept elsewhere.
fn secret(section: &Section<'_>, key: &'static str, places: &Places<'_>) -> Option<SecretText> {
    let found = section.value(key).map(|value| read_secret_text(value, places));
    match found.unwrap_or_else(|| Err(SECRET_FORMS.to_owned())) {
        Err(problem) => {
            section.problem(key, problem);
            None
        }
        Ok(secret) => {
            if let Some(problem) = secret.problem() {
                section.problem(key, problem);
            }
            Some(secret)
        }
    }
}

/// The ingest pipeline that documents go through, as a part of the query; `_none` keeps away the one that the index has.
fn read_pipeline(section: &Section<'_>) -> String {
    let Some(pipeline) = section.text("pipeline") else {
        return String::new();
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if pipeline.is_empty() || !pipeline.bytes().all(fits) {
        section.problem(
            "pipeline",
            "use letters, digits, `-`, `_` and `.` only; `_none` means no pipeline",
        );
    }
    format!("&pipeline={pipeline}")
}

/// An index, an alias or a data stream; part of the path, so only what is harmless there.
fn read_index(section: &Section<'_>) -> String {
    if let Some(stream) = section.text("data_stream") {
        if section.value("index").is_some() {
            section.problem("data_stream", "is used together with `index`; keep one of them");
        }
        let parts: Vec<&str> = stream.splitn(3, '-').collect();
        let is_named = parts.len() == 3 && parts.iter().all(|part| !part.is_empty());
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if !is_named || !stream.bytes().all(fits) {
            section.problem(
                "data_stream",
                "must be TYPE-DATASET-NAMESPACE in lower case, for example \"logs-azure.activity_logs-default\"",
            );
        }
        return stream;
    }
    let index = section.required_text("index", "logs-headwater-default");
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if !index.bytes().all(fits) {
        section.problem("index", "use lower-case letters, digits, `-`, `_` and `.` only");
    }
    index
}

fn read_format(section: &Section<'_>) -> Encoding {
    match section.text("format").as_deref() {
        None | Some("ndjson") => Encoding::Ndjson,
        Some("array") => Encoding::Array,
        Some(other) => {
            section.problem(
                "format",
                format_args!("`{other}` is unknown; use ndjson or array"),
            );
            Encoding::Ndjson
        }
    }
}
