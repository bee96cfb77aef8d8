//! Asks Azure Resource Manager: the requests, the token on them, and what comes back.

use std::fmt;

use crate::config::{Filter, Settings};
use crate::contract::{Nanos, Timestamp};
use crate::duration::{MINUTE, SECOND};
use crate::event::Rejected;
use crate::fault::{Failure, Kind, arm, transport};
use crate::guid;
use crate::http::{Answer, Level, Method, Platform, Request, Response, TransportError};
use crate::instant;
use crate::login;
use crate::measures::Measures;
use crate::partition::Partition;
use crate::percent;
use crate::session::Session;

/// The only stable version of the log's API.
const LOG_VERSION: &str = "2015-04-01";
/// A version of the subscriptions API with display names and states.
const SUBSCRIPTIONS_VERSION: &str = "2020-01-01";

/// The version of the permissions API that Microsoft documents for every cloud.
const PERMISSIONS_VERSION: &str = "2022-04-01";

/// Most bytes of an answer. A page has about 200 events of at most some tens of kilobytes. If all of it is one record, that
/// is held twice for a moment while the window on it grows, and its event comes on top: all must fit into a sandbox of
/// 64 MiB.
const RESPONSE_LIMIT: usize = 16 * 1024 * 1024;

/// The longest that one exchange may take. A good page takes a second or two.
const REQUEST_TIMEOUT: Nanos = 60 * SECOND;
/// The shortest that a request is given, however near the deadline is: a call is over within a second of its deadline.
const SHORTEST_TIMEOUT: Nanos = SECOND / 4;

/// A refused application gets a new token once if its own is older than this: a role assigned meanwhile is not seen by
/// tokens from before. Younger tokens are kept, so that one refused subscription does not cost the others theirs.
const STALE_TOKEN: Nanos = 5 * MINUTE;

/// What is kept in the place of a credential.
const REMOVED: &str = "[removed]";

/// Says who asks, as Microsoft recommends.
const USER_AGENT: &str = concat!("headwater-azure-activity/", env!("CARGO_PKG_VERSION"));

/// The headers that tell how many reads are left before throttling.
const REMAINING_PREFIX: &str = "x-ms-ratelimit-remaining-";

/// The part of a call's deadline that a request may last into. The rest is for making events of the last page and handing
/// them over.
const LAST_ANSWER_PERCENT: Nanos = 85;

/// When the last answer of a call must be there, counted from its start.
pub fn last_answer(deadline: Nanos) -> Nanos {
    deadline / 100 * LAST_ANSWER_PERCENT
}

/// A caller of Resource Manager during one call of the contract.
pub struct Arm<'a> {
    /// The world outside.
    pub world: &'a mut dyn Platform,
    /// The configuration.
    pub settings: &'a Settings,
    /// The token and its history.
    pub session: Session,
    /// What was done.
    pub measures: Measures,
    deadline: Nanos,
    /// Whether the token is new and has not been accepted yet.
    unproven: bool,
}

impl<'a> Arm<'a> {
    /// Prepares for requests that must be over at `deadline`, counted from the start of the call.
    pub fn new(
        world: &'a mut dyn Platform,
        settings: &'a Settings,
        session: Option<&[u8]>,
        deadline: Nanos,
    ) -> Self {
        let mut session = Session::read(session, settings);
        if session.since == 0 {
            session.since = world.now();
        }
        Arm {
            world,
            settings,
            session,
            measures: Measures::default(),
            deadline,
            unproven: false,
        }
    }

    /// Gets an answer as a whole, as [`Arm::get`].
    pub fn get_whole(&mut self, url: &str) -> Result<Response, Failure> {
        let answer = self.get(url)?;
        answer.whole().map_err(transport_failure(self.settings))
    }

    /// Gets a page, whose body is still to come. The token is renewed once when the answer is 401, and once when an old
    /// token is refused with 403.
    pub fn get(&mut self, url: &str) -> Result<Answer, Failure> {
        loop {
            self.log_in()?;
            let failure = match self.send(url) {
                Ok(answer) => {
                    self.unproven = false;
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            self.count_failure(&failure);
            if self.world.elapsed() >= self.deadline || !self.renewal_may_help(failure.kind) {
                return Err(failure);
            }
            self.measures.add_labelled("retries", "token", 1);
            self.world.log(
                Level::Info,
                &format!(
                    "the token was not accepted ({}): asking for a new one",
                    failure.error.code
                ),
            );
        }
    }

    fn log_in(&mut self) -> Result<(), Failure> {
        let timeout = self.timeout();
        match login::ensure_token(
            self.world,
            self.settings,
            &mut self.session,
            &mut self.measures,
            timeout,
        ) {
            Ok(new) => {
                self.unproven |= new;
                Ok(())
            }
            Err(failure) => {
                self.count_failure(&failure);
                Err(failure)
            }
        }
    }

    /// Drops the token if a new one could change the answer. One that is new stays, also when it is refused: other streams
    /// may be open to it.
    fn renewal_may_help(&mut self, kind: Kind) -> bool {
        let now = self.world.now();
        let old = match (kind, &self.session.token) {
            (Kind::Unauthorized, _) => true,
            (Kind::Forbidden, Some(token)) => token.issued.saturating_add(STALE_TOKEN) < now,
            _ => false,
        };
        let stale = old && !self.unproven;
        if stale {
            self.session.token = None;
        }
        stale
    }

    fn send(&mut self, url: &str) -> Result<Answer, Failure> {
        let request = Request {
            method: Method::Get,
            url: url.to_owned(),
            headers: self.headers(),
            body: Vec::new(),
            response_limit: RESPONSE_LIMIT,
            timeout: self.timeout(),
        };
        self.measures.add("requests", 1);
        let answer = self
            .world
            .send(&request)
            .map_err(transport_failure(self.settings))?;
        self.note_remaining(&answer.headers);
        if answer.status == 200 {
            return Ok(answer);
        }
        let response = answer.whole().map_err(transport_failure(self.settings))?;
        let mut failure = arm::failure(&response, self.world.now());
        if failure.kind == Kind::BadRequest && self.settings.filter.is_some() {
            arm::blame_filter(&mut failure);
        }
        Err(failure)
    }

    fn headers(&mut self) -> Vec<(&'static str, String)> {
        let token = self
            .session
            .token
            .as_ref()
            .map(|token| token.text.expose())
            .unwrap_or_default();
        let authorization = format!("Bearer {token}");
        vec![
            ("authorization", authorization),
            ("accept", "application/json".to_owned()),
            ("user-agent", USER_AGENT.to_owned()),
            ("x-ms-client-request-id", guid::random(self.world)),
        ]
    }

    fn timeout(&self) -> Nanos {
        let left = self.deadline.saturating_sub(self.world.elapsed());
        left.clamp(SHORTEST_TIMEOUT, REQUEST_TIMEOUT)
    }

    fn note_remaining(&mut self, headers: &[(String, String)]) {
        let reads = headers.iter().filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name.starts_with(REMAINING_PREFIX) && name.ends_with("reads")
        });
        if let Some(least) = reads.filter_map(|(_, value)| value.trim().parse().ok()).min() {
            self.measures.set("remaining_reads", least);
        }
    }

    fn count_failure(&mut self, failure: &Failure) {
        if failure.kind == Kind::Throttled {
            self.measures.add("throttled", 1);
        }
    }

    /// Takes out of a rejected item what a careless upstream repeats of the credentials, since it is kept on disk: the host
    /// cannot know a token that this call has obtained.
    pub fn clean(&self, rejected: &mut Rejected) {
        let token = self.session.token.as_ref().map(|token| token.text.expose());
        let secrets = [Some(self.settings.credential.expose()), token];
        for secret in secrets.into_iter().flatten().filter(|secret| !secret.is_empty()) {
            remove(&mut rejected.raw, secret.as_bytes());
            for text in rejected.id.iter_mut().chain([&mut rejected.reason]) {
                *text = text.replace(secret, REMOVED);
            }
        }
    }

    /// The session as bytes for the host.
    pub fn session_bytes(&self) -> Vec<u8> {
        self.session.write(self.settings)
    }
}

impl fmt::Debug for Arm<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Arm")
            .field("session", &self.session)
            .field("measures", &self.measures)
            .finish_non_exhaustive()
    }
}

/// Replaces every occurrence of a secret.
fn remove(bytes: &mut Vec<u8>, secret: &[u8]) {
    let mut from = 0;
    while let Some(at) = bytes[from..]
        .windows(secret.len())
        .position(|window| window == secret)
    {
        let start = from + at;
        bytes.splice(start..start + secret.len(), REMOVED.bytes());
        from = start + REMOVED.len();
    }
}

/// Makes a failure of what went wrong on the way to Resource Manager, or on the way back.
pub fn transport_failure(settings: &Settings) -> impl Fn(TransportError) -> Failure {
    |error| transport::failure(&error, &settings.cloud.resource_manager)
}

/// The address of a log's first page. Both ends of the range are closed.
pub fn log_url(settings: &Settings, partition: &Partition, start: Timestamp, end: Timestamp) -> String {
    let mut filter = format!(
        "eventTimestamp ge '{}' and eventTimestamp le '{}'",
        instant::rfc3339(start),
        instant::rfc3339(end)
    );
    if let Some(Filter { property, value }) = &settings.filter {
        filter += &format!(" and {property} eq '{}'", value.replace('\'', "''"));
    }
    format!(
        "{}{}?api-version={LOG_VERSION}&$filter={}",
        settings.cloud.resource_manager,
        partition.log_path(),
        percent::encode(&filter)
    )
}

/// The address of the permissions that the application has at a subscription.
pub fn permissions_url(settings: &Settings, subscription: &str) -> String {
    format!(
        "{}/subscriptions/{subscription}/providers/Microsoft.Authorization/permissions?api-version={PERMISSIONS_VERSION}",
        settings.cloud.resource_manager
    )
}

/// The address of the first page of subscriptions.
pub fn subscriptions_url(settings: &Settings) -> String {
    format!(
        "{}/subscriptions?api-version={SUBSCRIPTIONS_VERSION}",
        settings.cloud.resource_manager
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn a_filter_is_quoted_and_encoded() {
        for (filter, term) in [
            ("", ""),
            (
                r#""resource_group":"O'Brien & Söhne""#,
                "%20and%20resourceGroupName%20eq%20%27O%27%27Brien%20%26%20S%C3%B6hne%27",
            ),
            (
                r#""resource_provider":"Microsoft.Network""#,
                "%20and%20resourceProvider%20eq%20%27Microsoft.Network%27",
            ),
            (
                r#""resource_id":"/subscriptions/1""#,
                "%20and%20resourceUri%20eq%20%27%2Fsubscriptions%2F1%27",
            ),
            (
                r#""correlation_id":"a' or 1 eq 1""#,
                "%20and%20correlationId%20eq%20%27a%27%27%20or%201%20eq%201%27",
            ),
        ] {
            let config = format!(
                r#"{{"tenant_id":"contoso.example","client_id":"bbbbbbbb-0000-0000-0000-000000000002","client_secret":"s",
                    "tenant_log":true,"filter":{{{filter}}}}}"#
            );
            let (settings, _) = config::read(&config).unwrap();
            let url = log_url(&settings, &Partition::Tenant(settings.tenant.clone()), 0, SECOND);
            let expected = format!(
                "https://management.azure.com/providers/Microsoft.Insights/eventtypes/management/values\
                 ?api-version=2015-04-01&$filter=eventTimestamp%20ge%20%271970-01-01T00%3A00%3A00Z%27%20and%20\
                 eventTimestamp%20le%20%271970-01-01T00%3A00%3A01Z%27{term}"
            );
            assert_eq!(url, expected, "{filter}");
        }
    }
}
