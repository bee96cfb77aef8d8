//! The fake Azure itself: everything it knows, and one function from a request to an answer. No sockets, no clock.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, StatusCode};

use crate::answer::Answer;
use crate::arrival::Arrival;
use crate::directory::{Directory, Scope};
use crate::event::Event;
use crate::ingestion::CollectionRule;
use crate::journal::{Journal, Recorded, Violation};
use crate::log::Log;
use crate::player::Player;
use crate::route::Endpoint;
use crate::scenario::live::Live;
use crate::script::{Action, Script};
use crate::settings::Settings;
use crate::throttle::{Key, Throttle};
use crate::time::Instant;
use crate::token::Tokens;

/// Tenants with their login endpoint, subscriptions with their logs, and a script of failures.
#[derive(Debug)]
pub struct Azure {
    /// Who exists and who may do what. Change it at any time.
    pub directory: Directory,
    /// Where records of others are taken; none at first.
    pub rule: Option<CollectionRule>,
    pub(crate) settings: Settings,
    pub(crate) tokens: Tokens,
    pub(crate) logs: BTreeMap<Scope, Log>,
    pub(crate) throttle: Throttle,
    pub(crate) journal: Journal,
    player: Player,
    live: Option<Live>,
}

impl Azure {
    /// An Azure without events and failures.
    pub fn new(settings: Settings, directory: Directory) -> Azure {
        Azure {
            directory,
            rule: None,
            tokens: Tokens::new(settings.seed),
            settings,
            logs: BTreeMap::new(),
            throttle: Throttle::default(),
            journal: Journal::default(),
            player: Player::new(Script::default()),
            live: None,
        }
    }

    /// The settings. Change them at any time; what was handed out under the old ones stays as it is.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Plays a script from its beginning, in place of the one before.
    pub fn play(&mut self, script: Script) {
        self.player = Player::new(script);
    }

    /// Goes on writing events as time passes.
    pub fn go_live(&mut self, live: Live) {
        self.live = Some(live);
    }

    /// Adds an event to the log of a scope.
    pub fn add(&mut self, scope: &Scope, event: Event) {
        self.logs.entry(scope.clone()).or_default().add(event);
    }

    /// The requests so far, the newest ten thousand of them.
    pub fn requests(&self) -> impl Iterator<Item = &Recorded> {
        self.journal.requests()
    }

    /// What a well-behaved client would not have done.
    pub fn violations(&self) -> &[Violation] {
        self.journal.violations()
    }

    /// Answers a request that arrives at this instant. Instants must not go backwards.
    pub fn answer(&mut self, now: Instant, request: &Request<Bytes>) -> Answer {
        self.catch_up(now);
        let arrival = Arrival::of(now, request);
        let answer = self.decide(&arrival);
        self.journal.request(&arrival, answer.status());
        answer
    }

    /// Writes the live events that are due by now.
    pub(crate) fn catch_up(&mut self, now: Instant) {
        for (scope, event) in self.live.as_mut().map(|live| live.until(now)).unwrap_or_default() {
            self.add(&scope, event);
        }
    }

    /// How often each fault of the script has acted.
    pub fn faults_acted(&self) -> Vec<u64> {
        self.player.acted()
    }

    fn decide(&mut self, arrival: &Arrival<'_>) -> Answer {
        let now = arrival.now;
        let key = self.throttle_key(arrival);
        if let Some((early, refusal)) = self.throttle.too_early(&key, now) {
            let message = format!(
                "request to {:?} '{}' came {} ms before the end of Retry-After",
                key.endpoint,
                key.name,
                early.num_milliseconds().max(1)
            );
            self.journal.violation(now, message);
            return refusal;
        }

        let Some(action) = self.player.next(arrival.traits()) else {
            return self.serve(arrival, None);
        };
        match &action {
            Action::Throttle { seconds, as_date } => {
                return self.throttle.refuse(&key, now, *seconds, *as_date);
            }
            Action::Fail {
                retry_after: Some(seconds),
                ..
            } => {
                self.throttle.expect_wait(&key, now, *seconds);
            }
            Action::ExpireToken => {
                if let Some(text) = arrival.bearer() {
                    self.tokens.expire(text, now);
                }
            }
            _ => {}
        }
        if let Some(answer) = action.instead(now) {
            return answer;
        }
        let answer = self.serve(arrival, Some(&action));
        action.change_answer(answer)
    }

    /// The right answer, but for what a fault changes on a page.
    fn serve(&mut self, arrival: &Arrival<'_>, fault: Option<&Action>) -> Answer {
        match arrival.route.endpoint {
            Endpoint::Token => self.token(arrival),
            Endpoint::Ingestion => self.ingest(arrival).unwrap_or_else(|refusal| *refusal),
            Endpoint::DirectoryAudits | Endpoint::SignIns => {
                self.graph_log(arrival, fault).unwrap_or_else(|refusal| *refusal)
            }
            Endpoint::Unknown => Answer::arm_error(
                StatusCode::NOT_FOUND,
                "InvalidResource",
                "The requested resource does not exist.",
            ),
            _ => self
                .resource_manager(arrival, fault)
                .unwrap_or_else(|refusal| *refusal),
        }
    }

    /// Whose rate a request counts for. Whoever has no valid token is one client, the unknown one.
    pub(crate) fn throttle_key(&self, arrival: &Arrival<'_>) -> Key {
        let client_id = if arrival.route.endpoint == Endpoint::Token {
            arrival.form().get("client_id").map(str::to_owned)
        } else {
            let token = arrival.bearer().and_then(|text| self.tokens.find(text));
            token.map(|token| token.client_id.clone())
        };
        Key {
            endpoint: arrival.route.endpoint,
            name: arrival.route.name.to_ascii_lowercase(),
            client_id: client_id.unwrap_or_default(),
        }
    }
}
