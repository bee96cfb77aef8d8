//! One call of the contract, as a source sees it: requests within the deadline, with a login.

use std::fmt;

use serde::Deserialize;

use crate::contract::{Error, Nanos, SessionChange, Timestamp};
use crate::duration::SECOND;
use crate::failure::Failure;
use crate::http::{Answer, Level, Method, Platform, Request, Response};
use crate::measures::Measures;
use crate::secret::Secret;
use crate::session::Session;
use crate::token::Token;

/// Most bytes of one answer: held as bytes and as what is made of them, it must fit into a sandbox of 64 MiB.
const RESPONSE_LIMIT: usize = 16 << 20;
/// The longest that one exchange may take.
const REQUEST_TIMEOUT: Nanos = 60 * SECOND;
/// The shortest that a request is given, however near the deadline is: a call is over within a second of its deadline.
const SHORTEST_TIMEOUT: Nanos = SECOND / 4;
/// The part of the deadline that a request may last into, and the part after which none is begun that need not be. The rest is for
/// making events of the last page and handing them over.
const LAST_ANSWER_PERCENT: Nanos = 85;
const LAST_REQUEST_PERCENT: Nanos = 60;
/// The life of a token whose answer does not say.
const UNSTATED_LIFE: u64 = 600;

/// How a source logs in: the login of [`Source`](crate::Source) with its configuration.
pub(crate) type Login<'a> = &'a dyn Fn(&mut Call<'_>) -> Result<Option<Token>, Failure>;

/// One call.
pub struct Call<'a> {
    platform: &'a mut dyn Platform,
    login: Login<'a>,
    session: Session,
    deadline: Nanos,
    /// What was counted: requests and throttling are, the rest is the source's.
    pub measures: Measures,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        platform: &'a mut dyn Platform,
        login: Login<'a>,
        config: &str,
        session: Option<&[u8]>,
        deadline: Nanos,
    ) -> Self {
        Self {
            platform,
            login,
            session: Session::read(session, config),
            deadline,
            measures: Measures::default(),
        }
    }

    /// The present time, as the host shows it.
    pub fn now(&self) -> Timestamp {
        self.platform.now()
    }

    /// Whether it is too late to begin a request that need not be.
    pub fn is_late(&self) -> bool {
        self.platform.elapsed() > self.deadline / 100 * LAST_REQUEST_PERCENT
    }

    /// Writes a line for operators, never holding a secret.
    pub fn log(&mut self, level: Level, text: &str) {
        self.platform.log(level, text);
    }

    /// Gets an answer with status 200, logged in if the source has a login. When the token is refused, a new one is asked for,
    /// once.
    ///
    /// # Errors
    ///
    /// What any other answer means ([`Failure::from_answer`]), or why there is none.
    pub fn get(&mut self, url: &str) -> Result<Response, Failure> {
        let mut is_new = self.log_in()?;
        loop {
            let mut headers = vec![("accept", "application/json".to_owned())];
            if let Some(token) = &self.session.token {
                headers.push(("authorization", format!("Bearer {}", token.expose())));
            }
            let answer = self.send(Method::Get, url, headers, Vec::new())?;
            match answer.status {
                200 => return Ok(answer),
                401 if self.session.token.is_some() => {
                    self.session.drop_token();
                    if is_new {
                        return Err(self.refusal(&answer));
                    }
                    self.measures.add_labelled("retries", "token", 1);
                    is_new = self.log_in()?;
                }
                _ => return Err(self.refusal(&answer)),
            }
        }
    }

    /// Logs in with client credentials (OAuth 2.0), for [`Source::login`](crate::Source::login).
    ///
    /// # Errors
    ///
    /// The login was refused, or the answer holds no token.
    pub fn client_credentials(
        &mut self,
        token_url: &str,
        client_id: &str,
        client_secret: &Secret,
        scope: Option<&str>,
    ) -> Result<Option<Token>, Failure> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
            expires_in: Option<u64>,
        }
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", client_secret.expose()),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        let body: Vec<String> = form
            .into_iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let headers = vec![
            ("accept", "application/json".to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let answer = self.send(Method::Post, token_url, headers, body.join("&").into_bytes())?;
        match answer.status {
            200 => {}
            // What RFC 6749 answers to credentials that are wrong.
            400 | 401 => {
                return Err(Failure::denied("upstream.login", "the login was refused")
                    .hint("check the client's id and secret"));
            }
            _ => return Err(self.refusal(&answer)),
        }
        let granted: Granted = answer.json()?;
        if !granted.access_token.bytes().all(|byte| byte.is_ascii_graphic())
            || granted.access_token.is_empty()
        {
            return Err(Failure::retry(
                "upstream.no_token",
                "the answer to the login holds no token",
            ));
        }
        let seconds = granted.expires_in.unwrap_or(UNSTATED_LIFE);
        Ok(Some(Token::new(granted.access_token, seconds, self.now())))
    }

    /// Sends a request as it is and waits for all of its answer, whatever its status, but never beyond the deadline.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub fn send(
        &mut self,
        method: Method,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Response, Failure> {
        let left = (self.deadline / 100 * LAST_ANSWER_PERCENT).saturating_sub(self.platform.elapsed());
        let request = Request {
            method,
            url: url.to_owned(),
            headers,
            body,
            response_limit: RESPONSE_LIMIT,
            timeout: left.clamp(SHORTEST_TIMEOUT, REQUEST_TIMEOUT),
        };
        self.measures.add("requests", 1);
        Ok(self.platform.send(&request).and_then(Answer::whole)?)
    }

    /// Makes sure that there is a token, where the source has a login. Tells whether it is new.
    fn log_in(&mut self) -> Result<bool, Failure> {
        let now = self.now();
        if self.session.token.as_ref().is_some_and(|token| token.lasts(now)) {
            return Ok(false);
        }
        let login = self.login;
        match login(self)? {
            Some(token) => self.session.replace(token),
            None => self.session.token = None,
        }
        Ok(true)
    }

    fn refusal(&mut self, answer: &Response) -> Failure {
        self.measures.add("throttled", u64::from(answer.status == 429));
        Failure::from_answer(answer, self.now())
    }

    /// What the host is to make of its session.
    pub(crate) fn session_change(&self) -> SessionChange {
        self.session.change()
    }

    /// The error that ends this call.
    pub(crate) fn error(self, failure: Failure) -> Error {
        Error {
            fault: failure.fault,
            code: failure.code,
            message: failure.message,
            hint: failure.hint,
            retry_after: failure.retry_after,
            session: self.session.change(),
            measures: self.measures.into_list(),
        }
    }
}

/// A value of a form.
fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Call")
            .field("session", &self.session)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
