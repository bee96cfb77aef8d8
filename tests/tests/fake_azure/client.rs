//! A client without sockets: it asks the fake Azure directly, at instants of its own choosing.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use fake_azure::scenario::example::{CLIENT_ID, CLIENT_SECRET, PRODUCTION, TENANT, directory};
use fake_azure::{Answer, Azure, Event, Scope, Script, Settings};
use http::{Method, Request};
use serde_json::{Value, json};

pub const ENDPOINT: &str = "http://azure.example";

/// A fake Azure with the example tenant, a clock, and a token.
pub struct Client {
    pub azure: Azure,
    pub now: DateTime<Utc>,
    pub token: String,
}

impl Client {
    /// Logged in at 2026-05-04T12:00:00Z.
    pub fn new(settings: Settings) -> Client {
        let settings = Settings {
            endpoint: ENDPOINT.to_owned(),
            ..settings
        };
        let now = "2026-05-04T12:00:00Z".parse().unwrap();
        let mut client = Client {
            azure: Azure::new(settings, directory(2)),
            now,
            token: String::new(),
        };
        client.log_in();
        client
    }

    /// With so many events in production, one a second, the last one second ago.
    pub fn with_events(count: i64, page_size: usize) -> Client {
        let mut client = Client::new(Settings {
            page_size,
            ..Settings::default()
        });
        for number in (1..=count).rev() {
            let time = client.now - TimeDelta::seconds(number);
            client.add(&format!("event-{number}"), time, time);
        }
        client
    }

    pub fn add(&mut self, id: &str, time: DateTime<Utc>, visible_at: DateTime<Utc>) {
        let text =
            json!({"eventDataId": id, "description": "", "correlationId": format!("c-{id}")}).to_string();
        self.azure.add(
            &Scope::Subscription(PRODUCTION.to_owned()),
            Event::new(id, time, visible_at, text),
        );
    }

    pub fn play(&mut self, script: &str) {
        self.azure.play(Script::parse(script).unwrap());
    }

    pub fn pass(&mut self, seconds: i64) {
        self.now += TimeDelta::seconds(seconds);
    }

    /// Sends a token request with other or more fields; a field given as "" is left out.
    pub fn log_in_with(&mut self, tenant: &str, fields: &[(&str, &str)]) -> Answer {
        let usual = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("scope", "http://azure.example/.default"),
        ];
        let unchanged = usual
            .iter()
            .filter(|(name, _)| fields.iter().all(|(changed, _)| changed != name));
        let form: Vec<String> = unchanged
            .chain(fields)
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| {
                let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
                format!("{name}={encoded}")
            })
            .collect();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/{tenant}/oauth2/v2.0/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form.join("&")))
            .unwrap();
        self.azure.answer(self.now, &request)
    }

    pub fn log_in(&mut self) {
        let answer = self.log_in_with(TENANT, &[]);
        self.token = body(&answer)["access_token"].as_str().unwrap().to_owned();
    }

    /// GET with the token.
    pub fn get(&mut self, target: &str) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        self.request(Method::GET, target, Some(&authorization))
    }

    pub fn request(&mut self, method: Method, target: &str, authorization: Option<&str>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(target.strip_prefix(ENDPOINT).unwrap_or(target));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        self.azure.answer(self.now, &request.body(Bytes::new()).unwrap())
    }

    /// The target of a query for the last hour in production.
    pub fn last_hour(&self) -> String {
        let start = (self.now - TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
        let end = self.now.format("%Y-%m-%dT%H:%M:%SZ");
        log_target(&format!(
            "eventTimestamp ge '{start}' and eventTimestamp le '{end}'"
        ))
    }

    /// Follows the pages from a target on and gives the ids on each.
    pub fn walk(&mut self, first: &str) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut next = Some(first.to_owned());
        while let Some(target) = next {
            let page = body(&self.get(&target));
            pages.push(ids(&page));
            next = page["nextLink"]
                .as_str()
                .filter(|link| link.starts_with(ENDPOINT))
                .map(str::to_owned);
            assert!(pages.len() < 1000, "the list does not end");
        }
        pages
    }
}

/// The log of production with this filter, percent-encoded.
pub fn log_target(filter: &str) -> String {
    format!(
        "{}&$filter={}",
        bare_log_target(PRODUCTION),
        filter.replace(' ', "%20")
    )
}

/// The log of a subscription without a filter.
pub fn bare_log_target(subscription: &str) -> String {
    format!(
        "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01"
    )
}

pub fn body(answer: &Answer) -> Value {
    serde_json::from_slice(answer.response.body())
        .unwrap_or_else(|error| panic!("{error}: {:?}", answer.response.body()))
}

pub fn ids(page: &Value) -> Vec<String> {
    let events = page["value"]
        .as_array()
        .unwrap_or_else(|| panic!("no page: {page}"));
    events
        .iter()
        .map(|event| event["eventDataId"].as_str().unwrap().to_owned())
        .collect()
}

/// The status and the error code, wherever it stands.
pub fn error(answer: &Answer) -> (u16, String) {
    let body = body(answer);
    let code = body["error"]["code"]
        .as_str()
        .or(body["code"].as_str())
        .unwrap_or_default();
    (answer.status().as_u16(), code.to_owned())
}
