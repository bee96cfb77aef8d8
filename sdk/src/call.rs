//! One call of the contract, as a source sees it: requests within the deadline, with a login.

use std::fmt;

use crate::contract::{Error, Nanos, SessionChange, Timestamp};
use crate::duration::SECOND;
use crate::failure::Failure;
use crate::http::{Answer, Level, Method, Platform, Request, Response};
use crate::measures::Measures;
use crate::percent;
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
        let answer = self.fetch(url)?;
        if answer.status == 200 {
            Ok(answer)
        } else {
            Err(Failure::from_answer(&answer, self.now()))
        }
    }

    /// The same with an answer of any status, for upstreams whose refusals say more than a status.
    ///
    /// # Errors
    ///
    /// There is no answer, or no token.
    pub fn fetch(&mut self, url: &str) -> Result<Response, Failure> {
        let mut is_new = self.log_in()?;
        loop {
            let mut headers = vec![("accept", "application/json".to_owned())];
            if let Some(token) = &self.session.token {
                headers.push(("authorization", format!("Bearer {}", token.expose())));
            }
            let answer = self.send(Method::Get, url, headers, Vec::new())?;
            self.measures.add("throttled", u64::from(answer.status == 429));
            if answer.status != 401 || self.session.token.is_none() {
                return Ok(answer);
            }
            self.session.drop_token();
            if is_new {
                return Ok(answer);
            }
            self.measures.add_labelled("retries", "token", 1);
            is_new = self.log_in()?;
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
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", client_secret.expose()),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        let answer = self.post_form(token_url, &form)?;
        match answer.status {
            200 => Token::granted(&answer, self.now()).map(Some),
            // What RFC 6749 answers to credentials that are wrong.
            400 | 401 => Err(Failure::denied("upstream.login", "the login was refused")
                .hint("check the client's id and secret")),
            _ => Err(Failure::from_answer(&answer, self.now())),
        }
    }

    /// Sends a form, without the token, and waits for the answer of any status: for logins of one's own.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub fn post_form(&mut self, url: &str, form: &[(&str, &str)]) -> Result<Response, Failure> {
        let body: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", percent::encode(value)))
            .collect();
        let headers = vec![
            ("accept", "application/json".to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let answer = self.send(Method::Post, url, headers, body.join("&").into_bytes())?;
        self.measures.add("throttled", u64::from(answer.status == 429));
        Ok(answer)
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

    /// A text of the upstream's without the token, should it repeat that.
    pub(crate) fn without_token(&self, text: String) -> String {
        match &self.session.token {
            Some(token) if text.contains(token.expose()) => text.replace(token.expose(), "(removed)"),
            _ => text,
        }
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

impl fmt::Debug for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Call")
            .field("session", &self.session)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
