//! Microsoft Graph's audit logs, `GET /v1.0/auditLogs/directoryAudits` and `…/signIns`, as "List directoryAudits" and "List signIns"
//! document them: `$filter` by time, `$top`, pages by `@odata.nextLink` with `$skiptoken`; only the former has `$orderby`, and only
//! the latter needs a premium licence.
//!
//! Its tokens are for this server's own origin, as Resource Manager's are.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::arm::Call;
use crate::arrival::Arrival;
use crate::azure::Azure;
use crate::directory::Scope;
use crate::filter::Filter;
use crate::link::{self, Position};
use crate::log::{Found, Order};
use crate::page::Page;
use crate::query::{self, Plus, Query};
use crate::refusal::OrRefusal;
use crate::route::Endpoint;
use crate::script::Action;
use crate::time::{self, Instant};

/// One of the logs.
struct Kind {
    path: &'static str,
    time: &'static str,
    options: &'static [&'static str],
}

const DIRECTORY_AUDITS: Kind = Kind {
    path: "/v1.0/auditLogs/directoryAudits",
    time: "activityDateTime",
    options: &["$filter", "$orderby", "$top", "$skiptoken"],
};

const SIGN_INS: Kind = Kind {
    path: "/v1.0/auditLogs/signIns",
    time: "createdDateTime",
    options: &["$filter", "$top", "$skiptoken"],
};

/// The most records of a page.
const MOST_ON_PAGE: usize = 1_000;

impl Azure {
    /// Answers, or refuses.
    pub(crate) fn graph_log(&mut self, arrival: &Arrival<'_>, fault: Option<&Action>) -> OrRefusal<Answer> {
        let now = arrival.now;
        let token = self.authenticate(arrival).map_err(|_| {
            let message = "Lifetime validation failed, the token is expired.";
            error(
                now,
                StatusCode::UNAUTHORIZED,
                "InvalidAuthenticationToken",
                message,
            )
        })?;
        if token.audience != self.settings.endpoint || arrival.request.method() != Method::GET {
            let message = "Access token validation failure. Invalid audience.";
            return Err(error(
                now,
                StatusCode::UNAUTHORIZED,
                "InvalidAuthenticationToken",
                message,
            ));
        }
        let (kind, scope) = match arrival.route.endpoint {
            Endpoint::SignIns => (SIGN_INS, Scope::SignIns(token.tenant.clone())),
            _ => (DIRECTORY_AUDITS, Scope::Directory(token.tenant.clone())),
        };
        if !self
            .directory
            .may_read_log(&token.client_id, token.issued, &scope)
        {
            let message = "Calling principal does not have required MSGraph permissions AuditLog.Read.All";
            let code = "Authentication_MSGraphPermissionMissing";
            return Err(error(now, StatusCode::FORBIDDEN, code, message));
        }
        if arrival.route.endpoint == Endpoint::SignIns && !self.settings.premium {
            let message = "Neither tenant is B2C or tenant doesn't have premium license";
            let code = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";
            return Err(error(now, StatusCode::FORBIDDEN, code, message));
        }
        let refuse = |message: &str| error(now, StatusCode::BAD_REQUEST, "BadRequest", message);
        let raw = arrival.request.uri().query().unwrap_or_default();
        let query = Query::read(raw, Plus::Literal).map_err(|error| refuse(&error.to_string()))?;
        if let Some(name) = query.other_than(kind.options) {
            return Err(refuse(&format!("The query parameter '{name}' is not supported.")));
        }
        let filter =
            read_filter(kind.time, query.get("$filter")).ok_or_else(|| refuse("Invalid filter clause"))?;
        let order = match query.get("$orderby") {
            None | Some("activityDateTime desc") => Order::NewestFirst,
            Some("activityDateTime" | "activityDateTime asc") => Order::OldestFirst,
            Some(_) => return Err(refuse("Invalid orderby clause")),
        };
        let top = match query.get("$top") {
            None => MOST_ON_PAGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|top| (1..=MOST_ON_PAGE).contains(top))
                .ok_or_else(|| refuse("Invalid value for $top"))?,
        };
        let is_further = query.get("$skiptoken").is_some();
        let call = Call {
            now,
            token,
            bearer: arrival.bearer().unwrap_or_default(),
            target: arrival.target,
            query,
            fault,
        };
        let position = match is_further {
            true => Some(self.follow(&call).map_err(refuse)?),
            false => None,
        };
        let before = position.map(|position| position.before);
        let limit = top.min(self.settings.page_size);
        let log = self.logs.entry(scope.clone()).or_default();
        let found = log.find_in(order, now, &filter, before, limit);
        let mut page = self.graph_page(&call, kind.path, &scope, &found);
        if let Some(fault) = fault {
            fault.change_page(&mut page, call.bearer);
        }
        if !page.items.is_empty() && !fault.is_some_and(Action::loses_page) {
            self.note_shown(&scope, &found);
        }
        Ok(page.into_graph_answer())
    }

    fn graph_page(&self, call: &Call<'_>, path: &str, scope: &Scope, found: &Found) -> Page {
        let number = link::page_number(call.target) + 1;
        let given = ["$filter", "$orderby", "$top"].into_iter().filter_map(|name| {
            let value = call.query.get(name)?;
            Some(format!("{name}={}", query::encode_value(value)))
        });
        let base = format!("{path}?{}", given.collect::<Vec<_>>().join("&"));
        let log = self.logs.get(scope);
        let text = |place| Some(log?.event(place)?.text().into_owned().into_bytes());
        let link = |before| {
            let position = Position {
                before,
                issued: call.now,
                page: number,
            };
            format!(
                "{}{}",
                self.settings.endpoint,
                link::seal_onto(base.clone(), "&$skiptoken=", position)
            )
        };
        Page {
            items: found.places.iter().filter_map(|place| text(*place)).collect(),
            next: found.rest.map(|place| Value::String(link(place))),
            own_link: format!("{}{}", self.settings.endpoint, call.target),
            again_link: format!("{}{base}", self.settings.endpoint),
        }
    }
}

/// A filter of two times without quotes, each with its operator.
fn read_filter(property: &str, text: Option<&str>) -> Option<Filter> {
    let (mut start, mut end) = (None, None);
    for term in text?.split(" and ") {
        let rest = term.strip_prefix(property)?.strip_prefix(' ')?;
        let (operator, value) = rest.split_once(' ')?;
        let slot = match operator {
            "ge" => &mut start,
            "le" => &mut end,
            _ => return None,
        };
        if slot.replace(time::parse_strict(value)?).is_some() {
            return None;
        }
    }
    Some(Filter {
        start: start?,
        end,
        term: None,
    })
}

/// An error in Microsoft Graph's shape ("Microsoft Graph error responses and resource types").
fn error(now: Instant, status: StatusCode, code: &str, message: &str) -> Box<Answer> {
    let id = "00000000-0000-0000-0000-000000000000";
    let inner = json!({ "date": time::iso(now), "request-id": id, "client-request-id": id });
    let body = json!({ "error": { "code": code, "message": message, "innerError": inner } });
    Box::new(Answer::json(status, &body))
}
