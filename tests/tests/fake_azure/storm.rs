//! However bad it gets, the lab hides nothing for good.

use std::collections::BTreeSet;

use fake_azure::scenario::example::TENANT;
use fake_azure::{Answer, Wire};
use serde_json::Value;

use crate::client::{Client, ENDPOINT, body, ids};

/// Far more requests than a walk of 100 pages needs when every third of them fails.
const PATIENCE: usize = 10_000;

#[test]
fn a_patient_reader_gets_every_event_out_of_the_storm() {
    let mut client = Client::with_events(500, 5);
    client.play(include_str!("../../scripts/storm.json"));
    let first = client.last_hour();
    let (mut target, mut followed, mut seen) = (first.clone(), BTreeSet::new(), BTreeSet::new());
    for _ in 0..PATIENCE {
        let answer = client.get(&target);
        let Some(page) = page(&answer) else {
            recover(&mut client, &answer);
            continue;
        };
        seen.extend(ids(&page));
        match page["nextLink"].as_str() {
            None => break,
            Some(link) if link.starts_with(ENDPOINT) && followed.insert(link.to_owned()) => {
                target = link.to_owned()
            }
            // Astray or in a circle: from the beginning.
            Some(_) => {
                target = first.clone();
                followed.clear();
            }
        }
    }
    assert_eq!(seen.len(), 500);
    assert!(
        client.azure.violations().is_empty(),
        "{:?}",
        client.azure.violations()
    );
    let silent: Vec<_> = client
        .azure
        .faults_acted()
        .into_iter()
        .enumerate()
        .filter(|(_, acted)| *acted == 0)
        .collect();
    assert!(silent.is_empty(), "these faults never acted: {silent:?}");
}

/// The page in an answer that came whole.
fn page(answer: &Answer) -> Option<Value> {
    let whole = answer.status() == 200 && answer.wire == Wire::Whole;
    let text = String::from_utf8_lossy(answer.response.body());
    serde_json::from_str(&text).ok().filter(|_| whole)
}

/// Waits as long as it is told, and logs in anew.
fn recover(client: &mut Client, answer: &Answer) {
    if let Some(wait) = answer.response.headers().get("retry-after") {
        // A date is one or two seconds away: the script asks for one, and dates are rounded up.
        client.pass(wait.to_str().unwrap().parse().unwrap_or(2));
    }
    if answer.status() == 401 {
        // Logging in can fail too; then the next refusal leads here again.
        if let Some(token) = body(&client.log_in_with(TENANT, &[]))["access_token"].as_str() {
            client.token = token.to_owned();
        }
    }
}
