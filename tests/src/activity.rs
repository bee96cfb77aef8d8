//! The activity log as Microsoft.Insights serves it: filter, retention, pages.

use http::StatusCode;
use serde_json::Value;

use crate::answer::Answer;
use crate::arm::{Call, LOG_VERSION};
use crate::azure::Azure;
use crate::directory::Scope;
use crate::filter::{Filter, FilterError};
use crate::link::{self, Position};
use crate::log::{Found, Log, Place};
use crate::page::Page;
use crate::random::Random;
use crate::refusal::{OrRefusal, forbidden};

const OPTIONS: &[&str] = &["api-version", "$filter", "$skipToken"];

/// A link to this place leads to the first page.
const BEFORE_EVERYTHING: Place = Place {
    ticks: i64::MAX,
    sequence: u32::MAX,
};

impl Azure {
    /// One page of the log of a scope.
    pub(crate) fn activity_log(&mut self, call: &Call<'_>, scope: &Scope) -> OrRefusal<Answer> {
        self.check_log_read(call, scope)?;
        if let Some(name) = call.query.other_than(OPTIONS) {
            return Err(bad_request(&format!(
                "The query option '{name}' is not supported."
            )));
        }
        let filter_text = call
            .query
            .get("$filter")
            .ok_or(FilterError::Missing)
            .map_err(refused)?;
        let filter = Filter::parse(filter_text).map_err(refused)?;
        let position = match call.query.get("$skipToken") {
            Some(_) => Some(self.follow(call).map_err(bad_request)?),
            None if filter.start < call.now - self.settings.retention => {
                let days = self.settings.retention.num_days();
                return Err(bad_request(&format!(
                    "The start time cannot be more than {days} days in the past."
                )));
            }
            None => None,
        };

        let before = position.map(|position| position.before);
        let log = self.logs.entry(scope.clone()).or_default();
        let found = log.find(call.now, &filter, before, self.settings.page_size);
        let mut page = self.page(call, scope, filter_text, before, &found);
        if let Some(fault) = call.fault {
            fault.change_page(&mut page, call.bearer);
        }
        if !page.items.is_empty() && !call.fault.is_some_and(|fault| fault.loses_page()) {
            self.note_shown(scope, &found);
        }
        Ok(page.into_answer())
    }

    fn check_log_read(&self, call: &Call<'_>, scope: &Scope) -> OrRefusal<()> {
        if self
            .directory
            .may_read_log(&call.token.client_id, call.token.issued, scope)
        {
            return Ok(());
        }
        let path = match scope {
            Scope::Subscription(id) => format!("/subscriptions/{id}"),
            Scope::Tenant(_) | Scope::Directory(_) | Scope::SignIns(_) => {
                "/providers/Microsoft.Insights".to_owned()
            }
        };
        Err(forbidden(
            &call.token.client_id,
            "Microsoft.Insights/eventtypes/values/read",
            &path,
        ))
    }

    fn page(
        &self,
        call: &Call<'_>,
        scope: &Scope,
        filter: &str,
        before: Option<Place>,
        found: &Found,
    ) -> Page {
        let path = match scope {
            Scope::Subscription(id) => {
                format!("/subscriptions/{id}/providers/microsoft.insights/eventtypes/management/values")
            }
            Scope::Tenant(_) | Scope::Directory(_) | Scope::SignIns(_) => {
                "/providers/microsoft.insights/eventtypes/management/values".to_owned()
            }
        };
        let page = link::page_number(call.target) + 1;
        let link_to = |before: Place| {
            let target = link::write(
                &path,
                LOG_VERSION,
                filter,
                Position {
                    before,
                    issued: call.now,
                    page,
                },
            );
            format!("{}{target}", self.settings.endpoint)
        };
        let log = self.logs.get(scope);
        let event_text = |place: &Place| Some(log?.event(*place)?.text().into_owned().into_bytes());
        let mut items: Vec<Vec<u8>> = found.places.iter().filter_map(event_text).collect();
        if self.settings.shuffle {
            shuffle(&mut items, self.settings.seed ^ u64::from(page));
        }
        Page {
            items,
            next: found.rest.map(|place| Value::String(link_to(place))),
            own_link: format!("{}{}", self.settings.endpoint, call.target),
            again_link: link_to(before.unwrap_or(BEFORE_EVERYTHING)),
        }
    }

    pub(crate) fn note_shown(&mut self, scope: &Scope, found: &Found) {
        self.journal.page(found.places.len());
        let log: &mut Log = self.logs.entry(scope.clone()).or_default();
        for place in &found.places {
            log.mark_shown(*place);
        }
    }
}

fn shuffle(items: &mut [Vec<u8>], seed: u64) {
    let mut random = Random::new(seed);
    for index in (1..items.len()).rev() {
        items.swap(index, random.below(index as u64 + 1) as usize);
    }
}

fn refused(error: FilterError) -> Box<Answer> {
    bad_request(&error.to_string())
}

/// Microsoft.Insights answers in its own shape.
fn bad_request(message: &str) -> Box<Answer> {
    Box::new(Answer::insights_error(
        StatusCode::BAD_REQUEST,
        "BadRequest",
        message,
    ))
}
