//! A request at the moment of its arrival.

use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};

use crate::link;
use crate::player::Traits;
use crate::query::{Plus, Query};
use crate::route::{Endpoint, Route};
use crate::time::Instant;

const FORM: &str = "application/x-www-form-urlencoded";

/// A request, and what can be told from it before anything is decided.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    /// When it came.
    pub(crate) now: Instant,
    /// Where it wants to go.
    pub(crate) route: Route,
    /// Path and query, byte for byte.
    pub(crate) target: &'a str,
    /// The whole of it.
    pub(crate) request: &'a Request<Bytes>,
}

impl<'a> Arrival<'a> {
    /// Looks at a request.
    pub(crate) fn of(now: Instant, request: &'a Request<Bytes>) -> Arrival<'a> {
        let target = request.uri().path_and_query();
        Arrival {
            now,
            route: Route::of(request.uri().path()),
            target: target.map_or("/", |target| target.as_str()),
            request,
        }
    }

    /// What a script can ask for.
    pub(crate) fn traits(&self) -> Traits<'_> {
        let endpoint = self.route.endpoint;
        Traits {
            endpoint,
            subscription: if endpoint == Endpoint::Token {
                ""
            } else {
                &self.route.name
            },
            page: link::page_number(self.target),
        }
    }

    /// The text after `Bearer ` in the authorization header.
    pub(crate) fn bearer(&self) -> Option<&'a str> {
        let header = self.request.headers().get(AUTHORIZATION)?;
        let (scheme, text) = header.to_str().ok()?.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") && !text.is_empty()).then_some(text)
    }

    /// The fields of a form; none when the body is not declared as one, or cannot be read.
    pub(crate) fn form(&self) -> Query {
        let content_type = self.request.headers().get(CONTENT_TYPE);
        let kind = content_type.and_then(|value| value.to_str().ok()?.split(';').next());
        if kind.is_none_or(|kind| kind.trim() != FORM) {
            return Query::default();
        }
        let body = std::str::from_utf8(self.request.body()).unwrap_or_default();
        Query::read(body, Plus::Blank).unwrap_or_default()
    }
}
