//! Finds the partitions that a configuration asks for.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::arm::{Arm, last_answer, subscriptions_url};
use crate::config::{Settings, Subscriptions};
use crate::contract::{Attribute, Discovery, Error, Fault, Nanos, PartitionInfo};
use crate::duration::MINUTE;
use crate::fault::arm::{blame_list, foreign_link, no_page, not_json, odd_items};
use crate::fault::{Failure, Kind, without_mark};
use crate::guid;
use crate::http::{Level, Platform};
use crate::link;
use crate::partition::{FORMER_TENANT, Partition};
use crate::session::Listing;

/// How often a page is asked for that is not one.
const ATTEMPTS: u32 = 3;

/// So many odd lists in a row, and not one good one since the start, are a list that stays odd: with the host's delays after
/// a failure, some two minutes.
const PATIENCE: u32 = 8;

/// Most pages of the list of subscriptions; with some hundred on a page more than any tenant has.
const MOST_PAGES: usize = 200;

/// A subscription as the list shows it.
struct Listed {
    id: String,
    title: String,
    unavailable: Option<String>,
}

/// Finds the partitions. Subscriptions that the configuration names need no permission to be listed: without it they
/// only lack their display name.
pub fn discover(
    world: &mut dyn Platform,
    settings: &Settings,
    session: Option<&[u8]>,
    deadline: Nanos,
) -> Result<Discovery, Error> {
    // Before anything is sent.
    if let Some(warning) = settings.start.warning(world.now()) {
        world.log(Level::Warn, &format!("start {warning}"));
    }
    let mut arm = Arm::new(world, settings, session, last_answer(deadline));
    let mut partitions = Vec::new();
    match &settings.subscriptions {
        Subscriptions::These(ids) if ids.is_empty() => {}
        Subscriptions::These(ids) => {
            let listed = list(&mut arm).unwrap_or_else(|failure| {
                let text = format!("display names are not known: {}", failure.error.message);
                arm.world.log(Level::Info, &text);
                Vec::new()
            });
            let listed: HashMap<&str, &Listed> =
                listed.iter().map(|listed| (listed.id.as_str(), listed)).collect();
            partitions.extend(
                ids.iter()
                    .map(|id| partition(settings, id, listed.get(id.as_str()).copied())),
            );
        }
        Subscriptions::All => {
            let listed = match list(&mut arm) {
                Ok(listed) if listed.is_empty() && !settings.tenant_log => Err(nothing_visible()),
                listed => listed,
            };
            let listed = match listed {
                Ok(listed) => listed,
                Err(failure) => {
                    return Err(Error {
                        session: Some(arm.session_bytes()),
                        measures: arm.measures.into_list(),
                        ..failure.error
                    });
                }
            };
            partitions.extend(
                listed
                    .iter()
                    .map(|listed| partition(settings, &listed.id, Some(listed))),
            );
        }
    }
    if settings.tenant_log {
        let title = "tenant log".to_owned();
        partitions.push(PartitionInfo {
            id: Partition::Tenant(settings.tenant.clone()).to_string(),
            formerly: vec![FORMER_TENANT.to_owned()],
            title,
            attributes: attributes(settings, None),
            unavailable: None,
        });
    }
    let session = Some(arm.session_bytes());
    Ok(Discovery {
        partitions,
        session,
        measures: arm.measures.into_list(),
    })
}

/// What is true of each event of a log.
fn attributes(settings: &Settings, subscription: Option<&str>) -> Vec<Attribute> {
    let mut attributes = vec![
        ("cloud.provider", "azure"),
        ("azure.tenant.id", settings.tenant.as_str()),
    ];
    attributes.extend(subscription.map(|id| ("cloud.account.id", id)));
    let attribute = |(name, value): (&'static str, &str)| Attribute {
        name,
        value: value.to_owned(),
    };
    attributes.into_iter().map(attribute).collect()
}

fn partition(settings: &Settings, id: &str, listed: Option<&Listed>) -> PartitionInfo {
    PartitionInfo {
        id: Partition::Subscription(id.to_owned()).to_string(),
        formerly: Vec::new(),
        attributes: attributes(settings, Some(id)),
        title: listed.map_or(id, |listed| &listed.title).to_owned(),
        unavailable: listed.and_then(|listed| listed.unavailable.clone()),
    }
}

/// Without a failure of its own, since the request itself succeeded.
fn nothing_visible() -> Failure {
    Failure::new(Fault::Denied, "azure.no_subscriptions", "the application can see no subscription")
        .hint("assign the role Reader to the application at a subscription or a management group; if it was assigned minutes ago, wait")
        .after(Some(MINUTE))
}

/// What the pages of the list have shown.
#[derive(Default)]
struct List {
    listed: Vec<Listed>,
    ids: HashSet<String>,
}

impl List {
    fn add(&mut self, found: Listed) {
        if self.ids.insert(found.id.clone()) {
            self.listed.push(found);
        }
    }
}

/// Every subscription that the application can see, each once. An odd list is never taken for the whole one, since whatever
/// is missing in it would count as gone: not before it has stayed odd for some time, and nothing else was seen before.
fn list(arm: &mut Arm<'_>) -> Result<Vec<Listed>, Failure> {
    let mut list = List::default();
    match list_pages(arm, &mut list) {
        Ok(()) => {
            arm.session.listing = Listing {
                complete: true,
                odd: 0,
            };
            Ok(list.listed)
        }
        Err(failure) => {
            let odd = matches!(failure.kind, Kind::OddPage | Kind::OddItems | Kind::ForeignLink);
            let listing = &mut arm.session.listing;
            listing.odd = listing.odd.saturating_add(u32::from(odd));
            if !odd || listing.complete || listing.odd < PATIENCE || list.listed.is_empty() {
                return Err(failure);
            }
            let text = format!(
                "the list of subscriptions is incomplete, {} of it are read: {}",
                list.listed.len(),
                failure.error.message
            );
            arm.world.log(Level::Warn, &text);
            arm.measures.add_labelled("anomalies", "odd_page", 1);
            Ok(list.listed)
        }
    }
}

fn list_pages(arm: &mut Arm<'_>, list: &mut List) -> Result<(), Failure> {
    let mut url = subscriptions_url(arm.settings);
    let mut followed = HashSet::new();
    let mut odd = None;
    for _ in 0..MOST_PAGES {
        let mut page = list_page(arm, &url, list);
        for _ in 1..ATTEMPTS {
            let is_odd = match &page {
                Ok((_, unread)) => *unread > 0,
                Err(failure) => matches!(failure.kind, Kind::OddPage | Kind::ForeignLink),
            };
            if !is_odd {
                break;
            }
            arm.measures.add_labelled("retries", "odd_answer", 1);
            page = list_page(arm, &url, list);
        }
        let (next, unread) = page?;
        if unread > 0 {
            // The other pages may be good.
            odd = Some(odd_items(unread));
        }
        followed.insert(std::mem::take(&mut url));
        match next {
            // A page that leads back shows no more.
            Some(next) if !followed.contains(&next) => url = next,
            _ => break,
        }
    }
    odd.map_or(Ok(()), Err)
}

/// Reads a page. Returns where the next one is, and how many of the items are no subscriptions.
fn list_page(arm: &mut Arm<'_>, url: &str, list: &mut List) -> Result<(Option<String>, u64), Failure> {
    let response = arm.get_whole(url).map_err(|mut failure| {
        blame_list(&mut failure);
        failure
    })?;
    let page: Value =
        serde_json::from_slice(without_mark(&response.body)).map_err(|_| not_json(&response.body))?;
    let items = items(&page)?;
    let mut unread = 0;
    for item in items {
        match read(item) {
            Some(found) => list.add(found),
            None => unread += 1,
        }
    }
    Ok((next_link(arm.settings, &page)?, unread))
}

/// The list of a page. Anything else is no page: taken for one, it would stand for a tenant without subscriptions.
fn items(page: &Value) -> Result<&[Value], Failure> {
    match page.get("value") {
        Some(Value::Array(items)) if page.get("error").is_none_or(Value::is_null) => Ok(items),
        _ => Err(no_page("it has no list of subscriptions")),
    }
}

fn next_link(settings: &Settings, page: &Value) -> Result<Option<String>, Failure> {
    match page.get("nextLink") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(link)) if link.is_empty() || link == "None" => Ok(None),
        Some(Value::String(link))
            if link::leads_to(link, &settings.cloud.resource_manager, "/subscriptions") =>
        {
            Ok(Some(link::sendable(link)))
        }
        Some(_) => Err(foreign_link()),
    }
}

fn read(item: &Value) -> Option<Listed> {
    let text = |key| {
        item.get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
    };
    let id = guid::parse(text("subscriptionId")?)?;
    let title = text("displayName").unwrap_or(&id).trim().to_owned();
    let unavailable = match text("state") {
        Some(state @ ("Disabled" | "Deleted")) => Some(format!(
            "the subscription is {}; it is read again once it is enabled",
            state.to_ascii_lowercase()
        )),
        _ => None,
    };
    Some(Listed {
        id,
        title,
        unavailable,
    })
}
