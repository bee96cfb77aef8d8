//! A small Azure inside the test process: a log with late events, pages in any order, and failures on demand. It is as
//! strict as the model needs: it panics when the source contacts a stranger or asks before it may.

pub mod polls;

use std::collections::BTreeMap;

use azure_activity::contract::{Nanos, Timestamp};
use azure_activity::http::{Answer, Level, Method, Platform, Request, Response, TransportError};
use azure_activity::instant::{parse_rfc3339, rfc3339};

pub const SECOND: Nanos = 1_000_000_000;
pub const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";
const ARM: &str = "https://management.azure.com";
const TOKEN_URL: &str =
    "https://login.microsoftonline.com/aaaaaaaa-0000-0000-0000-000000000001/oauth2/v2.0/token";

/// One event of the log.
#[derive(Debug, Clone, Copy)]
pub struct LogEvent {
    pub id: u32,
    pub time: Timestamp,
    /// From when on the log shows it.
    pub visible: Timestamp,
}

/// In which order a query's events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    NewestFirst,
    OldestFirst,
    Scrambled,
}

/// What happens to a request in place of a good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    Throttled(u8),
    ThrottledSilently,
    Status(u16),
    WebPage,
    /// Something else as if it were a page.
    Body(&'static str),
    /// Half a page, as if it were whole.
    CutOff,
    /// Half a page, then the connection ends.
    BrokenOff,
    Timeout,
    Reset,
    TooLarge,
    /// Nothing behind so many bytes of the body comes through.
    LimitedTo(usize),
    TokenRejected,
    Redirect,
    /// A good page that names a stranger's.
    ForeignLink,
    /// A good page that names itself as the next one.
    RepeatedLink,
    /// No events yet, and a link to the page that was asked for.
    EmptyPage,
    /// A stored link is no longer known.
    StaleLink,
    /// Anything that is not a page, from [`ODD_BODIES`].
    OddBody(u8),
    /// A good page whose next link, from [`ODD_LINKS`], leads nowhere.
    OddLink(u8),
    /// A page whose items, all or every second one, are what stands in [`ODD_ITEMS`].
    OddItems {
        what: u8,
        all: bool,
    },
    /// A refusal with this body.
    Refused(u16, &'static str),
}

/// Bodies with status 200 that are not pages.
pub const ODD_BODIES: [&str; 19] = [
    "",
    " ",
    "null",
    "7",
    "\"\"",
    "[]",
    "{}",
    r#"{"value":null}"#,
    r#"{"value":{}}"#,
    r#"{"value":"x"}"#,
    r#"{"value":0}"#,
    r#"{"value":false}"#,
    r#"{"nextLink":null}"#,
    r#"{"value":[],"error":{"code":"ServerTimeout"}}"#,
    r#"{"error":{"code":"ServerTimeout","message":"x"}}"#,
    r#"{"value":[]} and more"#,
    r#"{"value":[}"#,
    "\u{feff}",
    "<html>sign in</html>",
];

/// What is not the link to a next page, as JSON.
pub const ODD_LINKS: [&str; 12] = [
    r#""//management.azure.com/subscriptions""#,
    r#""/subscriptions?$skiptoken=1""#,
    r#""next""#,
    r#"" ""#,
    r#""none""#,
    "7",
    "true",
    "{}",
    "[]",
    r#"["https://management.azure.com/subscriptions"]"#,
    r#""https://evil.example/next""#,
    r#""https:/management.azure.com""#,
];

/// What is not a record.
pub const ODD_ITEMS: [&str; 9] = [
    "null",
    "7",
    "true",
    r#""x""#,
    "[]",
    "{}",
    r#"{"eventDataId":"#,
    r#"{"id":"a","eventTimestamp":"never"}"#,
    "[{}]",
];

/// The service and the clock.
pub struct Simulated {
    pub now: Timestamp,
    pub events: Vec<LogEvent>,
    pub page_size: usize,
    pub order: Order,
    /// How long a token lives.
    pub token_life: Nanos,
    /// What happens to the next requests for the log, in turn; good answers after them.
    pub mishaps: Vec<Option<Mishap>>,
    /// Pages served, by what became of them.
    pub served: BTreeMap<&'static str, u64>,
    /// How often each event was served.
    pub shown: BTreeMap<u32, u64>,
    pub logins: u32,
    /// Answers the next logins in place of a token.
    pub refusal: Option<Response>,
    /// What happens to every request, beyond those in `mishaps`.
    pub lasting: Option<Mishap>,
    /// What happens to every request for a range with this instant.
    pub poison: Option<(Timestamp, Mishap)>,
    /// The operation that a record belongs to, and its status; for those that are not records of their own.
    pub steps: BTreeMap<u32, (u32, &'static str)>,
    /// Whether a filter besides the time is let through.
    pub any_filter: bool,
    /// Requests as sent, without the values of headers and form fields.
    pub requests: Vec<String>,
    /// Log lines, for operators.
    pub lines: Vec<String>,
    token: Option<(String, Timestamp)>,
    not_before: Timestamp,
    began: Timestamp,
    nonce: u64,
}

impl Simulated {
    pub fn new(now: Timestamp, events: Vec<LogEvent>, page_size: usize, order: Order) -> Simulated {
        Simulated {
            now,
            events,
            page_size,
            order,
            token_life: 3600 * SECOND,
            mishaps: Vec::new(),
            served: BTreeMap::new(),
            shown: BTreeMap::new(),
            logins: 0,
            refusal: None,
            lasting: None,
            poison: None,
            steps: BTreeMap::new(),
            any_filter: false,
            requests: Vec::new(),
            lines: Vec::new(),
            token: None,
            not_before: 0,
            began: now,
            nonce: 0,
        }
    }

    /// Begins a call: `elapsed` counts from here.
    pub fn begin_call(&mut self) {
        self.began = self.now;
    }

    /// A crashed host has forgotten how long it was to wait.
    pub fn forgive(&mut self) {
        self.not_before = 0;
    }

    fn login(&mut self, request: &Request) -> Response {
        assert_eq!(request.url, TOKEN_URL);
        self.logins += 1;
        if let Some(refusal) = &self.refusal {
            return refusal.clone();
        }
        let token = format!("token-{}", self.logins);
        self.token = Some((token.clone(), self.now + self.token_life));
        let seconds = self.token_life / SECOND;
        let body = format!(r#"{{"token_type":"Bearer","expires_in":{seconds},"access_token":"{token}"}}"#);
        answer(200, &body)
    }

    fn log(&mut self, request: &Request) -> Result<Answer, TransportError> {
        let path = format!(
            "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Insights/eventtypes/management/values"
        );
        let query = request
            .url
            .strip_prefix(&format!("{ARM}{path}?"))
            .expect("a stranger was contacted");
        assert!(
            self.now >= self.not_before,
            "a request came before Retry-After was over"
        );
        let authorization = &request
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization")
            .unwrap()
            .1;
        let accepted = self
            .token
            .as_ref()
            .is_some_and(|(token, ends)| *authorization == format!("Bearer {token}") && self.now < *ends);
        if !accepted {
            let expired = r#"{"error":{"code":"ExpiredAuthenticationToken","message":"expired"}}"#;
            return Ok(answer(401, expired).into());
        }
        let mishap = if self.mishaps.is_empty() {
            self.lasting
        } else {
            self.mishaps.remove(0)
        };
        let poison = self.poison;
        let (start, end, offset) = match query.split_once("$skiptoken=") {
            Some((_, token)) => {
                let mut parts = token.split(';').map(|part| part.parse::<u64>().unwrap());
                let mut part = || parts.next().unwrap();
                (part(), part(), part() as usize)
            }
            None => {
                let query = match query.split_once("%20and%20resourceGroupName") {
                    Some((query, _)) if self.any_filter => query,
                    _ => query,
                };
                let (start, end) = read_filter(query);
                (start, end, 0)
            }
        };
        let poisoned = poison.filter(|(instant, _)| (start..=end).contains(instant));
        let mishap = poisoned.map(|(_, mishap)| mishap).or(mishap);
        let page = self.page(start, end, offset);
        let link =
            |offset: usize, nonce: u64| format!("{ARM}{path}?$skiptoken={start};{end};{offset};{nonce}");
        let next = offset + self.page_size;
        let more = next < self.matching(start, end).len();
        self.nonce += 1;
        let own_link = more.then(|| link(next, self.nonce));
        let Some(mishap) = mishap else {
            return Ok(self.serve(&page, own_link).into());
        };
        let response = match mishap {
            Mishap::Throttled(seconds) => {
                let seconds = u64::from(seconds) + 1;
                self.not_before = self.now + seconds * SECOND;
                let mut response = answer(429, r#"{"error":{"code":"TooManyRequests","message":"later"}}"#);
                response
                    .headers
                    .push(("Retry-After".to_owned(), seconds.to_string()));
                response
            }
            Mishap::ThrottledSilently => answer(429, ""),
            Mishap::Status(status) => answer(status, r#"{"code":"Strange","message":"a bad day"}"#),
            Mishap::Body(body) => answer(200, body),
            Mishap::OddBody(which) => answer(200, ODD_BODIES[usize::from(which) % ODD_BODIES.len()]),
            Mishap::OddLink(which) => {
                let mut response = self.serve(&page, None);
                response.body.pop();
                let link = ODD_LINKS[usize::from(which) % ODD_LINKS.len()];
                response
                    .body
                    .extend(format!(",\"nextLink\":{link}}}").into_bytes());
                response
            }
            Mishap::OddItems { what, all } => {
                let odd = ODD_ITEMS[usize::from(what) % ODD_ITEMS.len()];
                let items = (0..).zip(&page).map(|(index, event)| {
                    if all || index % 2 == 0 {
                        odd.to_owned()
                    } else {
                        self.item(event)
                    }
                });
                let items: Vec<String> = items.collect();
                let next = own_link
                    .map(|link| format!(r#","nextLink":"{link}""#))
                    .unwrap_or_default();
                answer(200, &format!(r#"{{"value":[{}]{next}}}"#, items.join(",")))
            }
            Mishap::Refused(status, body) => answer(status, body),
            Mishap::WebPage => answer(200, "<html>sign in</html>"),
            Mishap::CutOff | Mishap::BrokenOff => {
                let mut response = self.serve(&page, own_link);
                page.iter()
                    .for_each(|event| *self.shown.get_mut(&event.id).unwrap() -= 1);
                let half = response.body.len() / 2;
                if mishap == Mishap::BrokenOff {
                    return Ok(broken_off(response, half));
                }
                response.body.truncate(half);
                response
            }
            Mishap::LimitedTo(most) => {
                let response = self.serve(&page, own_link);
                if response.body.len() > most {
                    return Ok(broken_off(response, most));
                }
                response
            }
            Mishap::Timeout => {
                self.now += request.timeout;
                return Err(TransportError::Timeout);
            }
            Mishap::Reset => return Err(TransportError::Connect),
            Mishap::TooLarge => return Err(TransportError::TooLarge),
            Mishap::TokenRejected => {
                self.token = None;
                answer(
                    401,
                    r#"{"error":{"code":"InvalidAuthenticationToken","message":"no"}}"#,
                )
            }
            Mishap::Redirect => answer(302, ""),
            Mishap::ForeignLink => {
                self.serve(&page, Some("https://evil.example/next?$skiptoken=1".to_owned()))
            }
            Mishap::RepeatedLink => self.serve(&page, Some(request.url.clone())),
            Mishap::EmptyPage => self.serve(&[], Some(link(offset, self.nonce))),
            Mishap::StaleLink if offset > 0 => answer(
                400,
                r#"{"code":"BadRequest","message":"The skip token is invalid."}"#,
            ),
            Mishap::StaleLink => self.serve(&page, own_link),
        };
        Ok(response.into())
    }

    fn matching(&self, start: Timestamp, end: Timestamp) -> Vec<LogEvent> {
        let visible = |event: &&LogEvent| event.visible <= self.now && (start..=end).contains(&event.time);
        let mut events: Vec<LogEvent> = self.events.iter().filter(visible).copied().collect();
        match self.order {
            Order::NewestFirst => events.sort_by_key(|event| (std::cmp::Reverse(event.time), event.id)),
            Order::OldestFirst => events.sort_by_key(|event| (event.time, event.id)),
            Order::Scrambled => events.sort_by_key(|event| event.id.wrapping_mul(2_654_435_761)),
        }
        events
    }

    fn page(&self, start: Timestamp, end: Timestamp, offset: usize) -> Vec<LogEvent> {
        self.matching(start, end)
            .into_iter()
            .skip(offset)
            .take(self.page_size)
            .collect()
    }

    fn item(&self, event: &LogEvent) -> String {
        let step = self.steps.get(&event.id).map(|(operation, status)| {
            format!(r#","correlationId":"operation-{operation}","status":{{"value":"{status}"}}"#)
        });
        format!(
            r#"{{"eventDataId":"event-{}","eventTimestamp":"{}","submissionTimestamp":"{}","operationName":{{"value":"Microsoft.Compute/virtualMachines/write"}},"level":"Informational"{}}}"#,
            event.id,
            rfc3339(event.time),
            rfc3339(event.visible),
            step.unwrap_or_default()
        )
    }

    fn serve(&mut self, events: &[LogEvent], next: Option<String>) -> Response {
        *self.served.entry("pages").or_default() += 1;
        for event in events {
            *self.shown.entry(event.id).or_default() += 1;
        }
        let items: Vec<String> = events.iter().map(|event| self.item(event)).collect();
        let next = next
            .map(|link| format!(r#","nextLink":"{link}""#))
            .unwrap_or_default();
        answer(200, &format!(r#"{{"value":[{}]{next}}}"#, items.join(",")))
    }
}

impl Platform for Simulated {
    fn send(&mut self, request: &Request) -> Result<Answer, TransportError> {
        self.requests.push(outline(request));
        // Whatever happens takes time.
        assert!(
            self.now - self.began < 3600 * SECOND,
            "one call sends requests for an hour"
        );
        self.now += SECOND / 5;
        match request.method {
            Method::Post => Ok(self.login(request).into()),
            Method::Get => self.log(request),
        }
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn elapsed(&self) -> Nanos {
        self.now - self.began
    }

    fn random(&mut self) -> u64 {
        self.nonce = self.nonce.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.nonce
    }

    fn log(&mut self, level: Level, text: &str) {
        self.lines.push(format!("{} {text}", level.word()));
    }
}

pub fn answer(status: u16, body: &str) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

/// An answer whose connection ends after so many bytes of the body.
fn broken_off(mut response: Response, after: usize) -> Answer {
    response.body.truncate(after);
    let mut answer = Answer::from(response);
    answer.body = Box::new(answer.body.chain([Err(TransportError::Incomplete)]));
    answer
}

/// The two instants of the only filter that the model knows.
fn read_filter(query: &str) -> (Timestamp, Timestamp) {
    let filter = query
        .strip_prefix("api-version=2015-04-01&$filter=")
        .expect("an unexpected query");
    let filter = filter.replace("%20", " ").replace("%27", "'").replace("%3A", ":");
    let instants: Vec<Timestamp> = filter.split('\'').filter_map(parse_rfc3339).collect();
    let [start, end] = instants[..] else {
        panic!("no range in {filter}")
    };
    assert_eq!(
        filter,
        format!(
            "eventTimestamp ge '{}' and eventTimestamp le '{}'",
            rfc3339(start),
            rfc3339(end)
        )
    );
    (start, end)
}

/// A request without what differs from run to run, or is secret.
fn outline(request: &Request) -> String {
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
    let body = String::from_utf8_lossy(&request.body);
    let fields: Vec<&str> = body
        .split('&')
        .filter_map(|field| field.split('=').next())
        .collect();
    format!(
        "{:?} {}\n  {}\n  {}",
        request.method,
        request.url,
        names.join(" "),
        fields.join(" ")
    )
    .trim_end()
    .to_owned()
}
