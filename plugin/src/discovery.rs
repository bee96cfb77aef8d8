//! Finds the partitions that a configuration asks for.

use serde_json::Value;

use crate::arm::{Arm, subscriptions_url};
use crate::config::{Settings, Subscriptions};
use crate::contract::{Discovery, Error, Fault, Nanos, PartitionInfo};
use crate::fault::Failure;
use crate::fault::arm::{foreign_link, no_page};
use crate::guid;
use crate::http::{Level, World};
use crate::link;
use crate::partition::Partition;
use crate::span::{MINUTE, SECOND};

/// Time for the whole discovery: the contract gives it no deadline of its own.
const DEADLINE: Nanos = 90 * SECOND;

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
    world: &mut dyn World,
    settings: &Settings,
    session: Option<&[u8]>,
) -> Result<Discovery, Error> {
    let mut arm = Arm::new(world, settings, session, DEADLINE);
    let mut partitions = Vec::new();
    match &settings.subscriptions {
        Subscriptions::These(ids) if ids.is_empty() => {}
        Subscriptions::These(ids) => {
            let listed = list(&mut arm).unwrap_or_else(|failure| {
                let text = format!("display names are not known: {}", failure.error.message);
                arm.world.log(Level::Info, &text);
                Vec::new()
            });
            partitions.extend(ids.iter().map(|id| {
                let found = listed.iter().find(|listed| listed.id == *id);
                partition(id, found)
            }));
        }
        Subscriptions::All => {
            let listed = match list(&mut arm) {
                Ok(listed) if listed.is_empty() && !settings.tenant_log => Err(nothing_visible()),
                listed => listed,
            };
            let listed = listed.map_err(|failure| Error {
                session: Some(arm.session_bytes()),
                ..failure.error
            })?;
            partitions.extend(listed.iter().map(|listed| partition(&listed.id, Some(listed))));
        }
    }
    if settings.tenant_log {
        let title = "tenant log".to_owned();
        partitions.push(PartitionInfo {
            id: Partition::Tenant.to_string(),
            title,
            unavailable: None,
        });
    }
    let session = Some(arm.session_bytes());
    Ok(Discovery {
        partitions,
        session,
        measures: arm.tally.measures(),
    })
}

fn partition(id: &str, listed: Option<&Listed>) -> PartitionInfo {
    PartitionInfo {
        id: Partition::Subscription(id.to_owned()).to_string(),
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

/// Every subscription that the application can see, each once.
fn list(arm: &mut Arm<'_>) -> Result<Vec<Listed>, Failure> {
    let mut listed: Vec<Listed> = Vec::new();
    let mut url = subscriptions_url(arm.settings);
    let mut followed = Vec::new();
    for _ in 0..MOST_PAGES {
        let response = arm.get_whole(&url)?;
        let page: Value = serde_json::from_slice(&response.body).map_err(no_page)?;
        let items = match page.get("value") {
            Some(Value::Array(items)) => items.as_slice(),
            Some(Value::Null) if page.get("error").is_none_or(Value::is_null) => &[],
            // An error, for one. Taken for a list, it would stand for a tenant without subscriptions.
            _ => return Err(no_page("it has no list of subscriptions")),
        };
        for found in items.iter().filter_map(read) {
            if listed.iter().all(|known| known.id != found.id) {
                listed.push(found);
            }
        }
        let next = page
            .get("nextLink")
            .and_then(Value::as_str)
            .filter(|link| !link.is_empty());
        let Some(next) = next else { return Ok(listed) };
        if !link::leads_to(next, &arm.settings.cloud.resource_manager, "/subscriptions") {
            return Err(foreign_link());
        }
        followed.push(url);
        url = link::sendable(next);
        if followed.contains(&url) {
            return Ok(listed);
        }
    }
    Ok(listed)
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
