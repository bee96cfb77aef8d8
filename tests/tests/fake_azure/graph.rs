//! The directory audit log: filter, order, pages, permission.

use chrono::TimeDelta;
use fake_azure::Settings;
use fake_azure::scenario::audits;
use serde_json::Value;

use crate::client::{Client, body, error};

const LOG: &str = "/v1.0/auditLogs/directoryAudits";

/// So many records, one a second, the last one a minute ago.
fn with_records(count: u32, latest: i64) -> Client {
    let mut client = Client::new(Settings::default());
    let start = client.now - TimeDelta::seconds(60 + i64::from(count));
    let latest = TimeDelta::seconds(latest);
    for record in audits::records(count, start, TimeDelta::seconds(1), latest) {
        client.azure.add(&audits::log(), record);
    }
    client
}

fn times(page: &Value) -> Vec<String> {
    let records = page["value"].as_array().expect("a list").iter();
    records
        .filter_map(|record| Some(record["activityDateTime"].as_str()?.to_owned()))
        .collect()
}

const FILTER: &str = "$filter=activityDateTime%20ge%202026-05-04T11:00:00Z%20and%20activityDateTime%20le%202026-05-04T12:00:00Z";

#[test]
fn pages_go_in_the_order_that_was_asked_for_and_meet_every_record_once() {
    for (order, is_rising) in [
        ("activityDateTime%20asc", true),
        ("activityDateTime%20desc", false),
    ] {
        let mut client = with_records(7, 0);
        let mut target = format!("{LOG}?{FILTER}&$orderby={order}&$top=3");
        let mut met = Vec::new();
        loop {
            let page = body(&client.get(&target));
            met.extend(times(&page));
            match page["@odata.nextLink"].as_str() {
                Some(link) => target = link.to_owned(),
                None => break,
            }
        }
        let mut sorted = met.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 7);
        if !is_rising {
            sorted.reverse();
        }
        assert_eq!(met, sorted);
        assert!(client.azure.violations().is_empty());
    }
}

#[test]
fn a_record_is_out_of_sight_until_its_moment() {
    let mut client = with_records(50, 600);
    let target = format!("{LOG}?{FILTER}");
    let early = times(&body(&client.get(&target))).len();
    client.pass(600);
    let late = times(&body(&client.get(&target))).len();
    assert!(early < 50 && late == 50, "{early} {late}");
}

#[test]
fn sign_ins_are_asked_for_by_another_property_and_need_a_licence() {
    let mut client = Client::new(Settings::default());
    let start = client.now - TimeDelta::seconds(60);
    for record in audits::sign_ins(5, start, TimeDelta::seconds(1)) {
        client.azure.add(&audits::sign_in_log(), record);
    }
    let target = format!(
        "/v1.0/auditLogs/signIns?{}",
        FILTER.replace("activityDateTime", "createdDateTime")
    );
    let page = body(&client.get(&target));
    assert_eq!(page["value"].as_array().map(Vec::len), Some(5));
    for refused in [
        format!("/v1.0/auditLogs/signIns?{FILTER}"),
        format!("{target}&$orderby=createdDateTime"),
    ] {
        assert_eq!(error(&client.get(&refused)).0, 400, "{refused}");
    }
    client.azure.settings_mut().premium = false;
    assert_eq!(
        error(&client.get(&target)),
        (
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant".to_owned()
        )
    );
}

#[test]
fn what_is_not_documented_is_refused() {
    let mut client = with_records(3, 0);
    for query in [
        "",
        "?$filter=createdDateTime%20ge%202026-05-04T11:00:00Z",
        "?$filter=activityDateTime%20gt%202026-05-04T11:00:00Z",
        "?$filter=activityDateTime%20ge%20'2026-05-04T11:00:00Z'",
        &format!("?{FILTER}&$orderby=id"),
        &format!("?{FILTER}&$top=1001"),
        &format!("?{FILTER}&$skip=1"),
        &format!("?{FILTER}&$skiptoken=made-up"),
    ] {
        let refused = error(&client.get(&format!("{LOG}{query}")));
        assert_eq!(refused, (400, "BadRequest".to_owned()), "{query}");
    }
    client.azure.directory.grants.clear();
    assert_eq!(
        error(&client.get(&format!("{LOG}?{FILTER}"))),
        (403, "Authentication_MSGraphPermissionMissing".to_owned())
    );
    client.token.clear();
    assert_eq!(client.get(&format!("{LOG}?{FILTER}")).status(), 401);
}
