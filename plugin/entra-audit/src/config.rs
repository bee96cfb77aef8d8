//! The configuration.

use headwater_source::contract::Nanos;
use headwater_source::duration::{self, DAY, MINUTE};
use headwater_source::entra::Proof;
use headwater_source::{Planning, Secret, Start};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::log::Log;

/// Microsoft Entra keeps no more.
const FARTHEST_START: Nanos = 30 * DAY;
const SHORTEST_WINDOW: Nanos = MINUTE;
/// More would not fit into a cursor, or into a page's time.
const LONGEST: Nanos = 7 * DAY;

/// Most records that Microsoft Graph puts on a page of its audit logs.
const MOST_ON_PAGE: u32 = 1_000;

/// The shape of an event's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The Elastic Common Schema.
    #[default]
    Ecs,
    /// As Microsoft Graph shows it.
    Raw,
}

impl Format {
    /// Their names, the default first.
    pub const NAMES: [&str; 2] = ["ecs", "raw"];
}

/// The configuration. Its keys have been checked against the description when it is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// GUID of the tenant.
    pub tenant_id: String,
    /// GUID of the application.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: Option<Secret>,
    /// A token of another issuer in its place.
    pub client_assertion: Option<Secret>,
    /// Which logs are read.
    pub logs: Option<Value>,
    /// A cloud's name, or its endpoints.
    pub cloud: Option<Value>,
    /// Where the first run begins: a duration, or an instant.
    pub start: Option<String>,
    /// How late a record may become readable.
    #[serde(default, deserialize_with = "span")]
    pub lookback: Option<Nanos>,
    /// The longest stretch of time of one query.
    #[serde(default, deserialize_with = "span")]
    pub window: Option<Nanos>,
    /// Most records on a page.
    pub page_size: Option<u64>,
    /// The shape of events.
    #[serde(default)]
    pub format: Format,
    /// What operators mark all events with: names and texts.
    pub labels: Option<Value>,
}

impl Config {
    /// Notes what the keys alone do not show.
    pub fn judge(&self, planning: &mut Planning) {
        for (key, id) in [("/tenant_id", &self.tenant_id), ("/client_id", &self.client_id)] {
            if !is_guid(id) {
                planning.issue(
                    key,
                    "is not a GUID, for example 11111111-1111-1111-1111-111111111111",
                );
            }
        }
        match Cloud::read(self.cloud.as_ref()) {
            Ok(cloud) => {
                planning.origin(cloud.authority);
                planning.origin(cloud.graph);
            }
            Err((place, message)) => planning.issue(format!("/cloud{place}"), message),
        }
        if self.logs().is_none() {
            let message = "is not a list of logs; give \"directoryAudits\", \"signIns\" or both, each once";
            planning.issue("/logs", message);
        }
        match self.start() {
            None => planning.issue(
                "/start",
                "is neither a duration, for example \"24h\", nor an RFC 3339 time, for example \"2026-03-01T00:00:00Z\"",
            ),
            Some(Start::Back(back)) if back > FARTHEST_START => {
                planning.issue("/start", "lies too far back: Microsoft Entra keeps 30 days");
            }
            Some(_) => {}
        }
        match &self.labels {
            None | Some(Value::Null) => {}
            Some(Value::Object(labels)) => {
                for (name, value) in labels {
                    if !value.is_string() {
                        let name = name.replace('~', "~0").replace('/', "~1");
                        planning.issue(format!("/labels/{name}"), "is not text (a string in quotes)");
                    }
                }
            }
            Some(_) => planning.issue("/labels", "is not an object of names and texts"),
        }
        if self.lookback.is_some_and(|lookback| lookback > LONGEST) {
            planning.issue("/lookback", "is longer than 7d");
        }
        if let Some(window) = self.window
            && !(SHORTEST_WINDOW..=LONGEST).contains(&window)
        {
            planning.issue("/window", "is not between 1m and 7d");
        }
        if let Some(size) = self.page_size
            && !(1..=u64::from(MOST_ON_PAGE)).contains(&size)
        {
            planning.issue("/page_size", "is not between 1 and 1000");
        }
        if self.lookback == Some(0) {
            planning.warning(
                "/lookback",
                "is 0: records that become readable late are not found",
            );
        }
    }

    /// Which logs are read; none if that was an issue.
    pub fn logs(&self) -> Option<Vec<Log>> {
        let names = match &self.logs {
            None | Some(Value::Null) => return Some(vec![Log::DirectoryAudits]),
            Some(names) => names.as_array()?,
        };
        let logs: Option<Vec<Log>> = names.iter().map(|name| Log::named(name.as_str()?)).collect();
        let is_once = |logs: &Vec<Log>| logs.len() == 1 || logs.len() == 2 && logs[0] != logs[1];
        logs.filter(is_once)
    }

    /// Where the first run begins; none if that was an issue.
    pub fn start(&self) -> Option<Start> {
        match &self.start {
            None => Some(Start::Back(DAY)),
            Some(text) => Start::parse(text),
        }
    }

    /// Where to log in and to ask; none if that was an issue.
    pub fn endpoints(&self) -> Option<Cloud> {
        Cloud::read(self.cloud.as_ref()).ok()
    }

    /// How the application shows that it is the one; none if that was an issue.
    pub fn proof(&self) -> Option<Proof<'_>> {
        let secret = self.client_secret.as_ref().map(Proof::Secret);
        secret.or_else(|| self.client_assertion.as_ref().map(Proof::Assertion))
    }

    /// Most records on a page.
    pub fn page_size(&self) -> u64 {
        self.page_size.unwrap_or_else(|| MOST_ON_PAGE.into())
    }
}

fn is_guid(text: &str) -> bool {
    let groups = text.split('-');
    groups.clone().map(str::len).eq([8, 4, 4, 4, 12])
        && groups.flat_map(str::bytes).all(|byte| byte.is_ascii_hexdigit())
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Nanos>, D::Error> {
    #[derive(Deserialize)]
    struct Text(#[serde(with = "duration::text")] Nanos);
    Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
}
