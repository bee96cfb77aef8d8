//! A small Microsoft Graph with its own clock: a log whose records become readable late, pages, and mishaps.

use headwater_source::contract::{Nanos, Timestamp};
use headwater_source::http::{Answer, Level, Method, Platform, Request, Response, TransportError};
use headwater_source::{instant::rfc3339, parse_time};

pub const SECOND: Nanos = 1_000_000_000;
pub const TENANT: &str = "aaaaaaaa-0000-0000-0000-000000000001";
pub const CONFIG: &str = r#"{"tenant_id":"aaaaaaaa-0000-0000-0000-000000000001",
    "client_id":"bbbbbbbb-0000-0000-0000-000000000002","client_secret":"example~secret""#;

/// A record of the log.
#[derive(Debug, Clone, Copy)]
pub struct LogRecord {
    pub id: u32,
    pub time: Timestamp,
    pub visible: Timestamp,
}

/// What goes wrong with one request for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    Status(u16),
    Throttled(u8),
    WebPage,
    CutOff,
    BrokenOff,
    Timeout,
    TooLarge,
    TokenRejected,
    ForeignLink,
    RepeatedLink,
    StaleLink,
}

pub struct Simulated {
    pub now: Timestamp,
    pub log: Vec<LogRecord>,
    pub mishaps: Vec<Option<Mishap>>,
    pub logins: u32,
    /// Requests sent before a `Retry-After` had passed.
    pub too_early: u32,
    /// The targets of all requests for pages.
    pub targets: Vec<String>,
    token: u32,
    quiet_until: Timestamp,
    began: Timestamp,
}

impl Simulated {
    pub fn new(now: Timestamp, mut log: Vec<LogRecord>) -> Self {
        log.sort_by_key(|record| (record.time, record.id));
        Self {
            now,
            log,
            mishaps: Vec::new(),
            logins: 0,
            too_early: 0,
            targets: Vec::new(),
            token: 0,
            quiet_until: 0,
            began: now,
        }
    }

    /// A call begins now.
    pub fn begin_call(&mut self) {
        self.began = self.now;
    }

    /// Forgets what it has asked a client to wait, which has crashed.
    pub fn forgive(&mut self) {
        self.quiet_until = 0;
    }

    fn log_in(&mut self) -> (u16, String) {
        self.logins += 1;
        (
            200,
            format!(r#"{{"access_token":"token-{}","expires_in":3600}}"#, self.token),
        )
    }

    fn page(&mut self, request: &Request) -> Result<(u16, String), TransportError> {
        let bearer = request.headers.iter().find(|(name, _)| *name == "authorization");
        self.too_early += u32::from(self.now < self.quiet_until);
        let query = request.url.split_once('?').map_or("", |(_, query)| query);
        self.targets.push(query.to_owned());
        let mishap = if self.mishaps.is_empty() {
            None
        } else {
            self.mishaps.remove(0)
        };
        match mishap {
            Some(Mishap::Throttled(seconds)) => {
                self.quiet_until = self.now + u64::from(seconds.max(1)) * SECOND;
                return Ok((429, r#"{"error":{"code":"TooManyRequests"}}"#.to_owned()));
            }
            Some(Mishap::Status(status)) => {
                return Ok((status, format!(r#"{{"error":{{"code":"Scripted{status}"}}}}"#)));
            }
            Some(Mishap::WebPage) => return Ok((200, "<html>Sign in</html>".to_owned())),
            Some(Mishap::Timeout) => {
                self.now += request.timeout;
                return Err(TransportError::Timeout);
            }
            Some(Mishap::TooLarge) => return Err(TransportError::TooLarge),
            Some(Mishap::BrokenOff) => return Err(TransportError::Incomplete),
            Some(Mishap::TokenRejected) => self.token += 1,
            _ => {}
        }
        if bearer.is_none_or(|(_, value)| *value != format!("Bearer token-{}", self.token)) {
            return Ok((
                401,
                r#"{"error":{"code":"InvalidAuthenticationToken"}}"#.to_owned(),
            ));
        }
        let text = decoded(query);
        if mishap == Some(Mishap::StaleLink) && text.contains("$skiptoken") {
            return Ok((400, r#"{"error":{"code":"BadRequest"}}"#.to_owned()));
        }
        let body = self.records(&request.url, &text, mishap);
        Ok(match mishap {
            Some(Mishap::CutOff) => (200, body[..body.len() * 2 / 3].to_owned()),
            _ => (200, body),
        })
    }

    fn records(&self, url: &str, query: &str, mishap: Option<Mishap>) -> String {
        let after = |mark: &str| {
            let (_, rest) = query
                .split_once(mark)
                .unwrap_or_else(|| panic!("no {mark} in {query}"));
            rest.split([' ', '&']).next().unwrap_or_default().to_owned()
        };
        let instant = |mark: &str| parse_time(&after(mark)).expect("a time in the filter");
        let (start, end) = (instant("activityDateTime ge "), instant("activityDateTime le "));
        let size: usize = after("$top=").parse().expect("a number");
        let skip: usize = match query.contains("$skiptoken=") {
            true => after("$skiptoken=").parse().expect("a number"),
            false => 0,
        };
        // A page goes on behind a record, whatever has become readable before it.
        let found: Vec<(usize, &LogRecord)> = self
            .log
            .iter()
            .enumerate()
            .skip(skip)
            .filter(|(_, record)| (start..=end).contains(&record.time) && record.visible <= self.now)
            .take(size + 1)
            .collect();
        let shown: Vec<String> = found
            .iter()
            .take(size)
            .map(|(_, record)| {
                format!(
                    r#"{{"id":"record-{}","activityDateTime":"{}","activityDisplayName":"Add user","result":"success"}}"#,
                    record.id,
                    rfc3339(record.time)
                )
            })
            .collect();
        let first = url.split("&$skiptoken").next().unwrap_or_default();
        let mut link = found
            .get(size)
            .map(|(next, _)| format!("{first}&$skiptoken={next}"));
        match mishap {
            Some(Mishap::ForeignLink) => {
                link = Some("https://evil.example/v1.0/auditLogs/directoryAudits?x".to_owned())
            }
            Some(Mishap::RepeatedLink) => link = Some(url.to_owned()),
            _ => {}
        }
        let link = link.map_or(String::new(), |link| format!(r#","@odata.nextLink":"{link}""#));
        format!(r#"{{"value":[{}]{link}}}"#, shown.join(","))
    }
}

impl Platform for Simulated {
    fn send(&mut self, request: &Request) -> Result<Answer, TransportError> {
        self.now += SECOND / 20;
        let (status, body) = match request.method {
            Method::Post => self.log_in(),
            Method::Get => self.page(request)?,
        };
        let wait = self.quiet_until.saturating_sub(self.now).div_ceil(SECOND);
        let headers = match status {
            429 => vec![("Retry-After".to_owned(), wait.to_string())],
            _ => Vec::new(),
        };
        Ok(Answer::from(Response {
            status,
            headers,
            body: body.into_bytes(),
        }))
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn elapsed(&self) -> Nanos {
        self.now - self.began
    }

    fn random(&mut self) -> u64 {
        7
    }

    fn log(&mut self, _: Level, _: &str) {}
}

fn decoded(query: &str) -> String {
    query.replace("%20", " ").replace("%3A", ":").replace("%24", "$")
}
