use super::*;

fn found(names: &[&str]) -> Vec<(String, String)> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), format!("The {name}")))
        .collect()
}

fn brought(events: u64, rejected: u64) -> Brought {
    Brought {
        events,
        rejected,
        newest: 1,
        lag: Some(5),
        caught_up: true,
    }
}

#[test]
fn a_partition_whose_items_are_all_rejected_is_not_quiet_until_it_brings_events() {
    let mut health = HealthTable::default();
    health.found("contoso", &found(&["a"]), &[]);
    health.committed("contoso", "a", &brought(0, 200));
    health.committed("contoso", "a", &brought(0, 0));
    let lines = health.lines();
    assert!(
        lines.starts_with("contoso a rejecting what was read last"),
        "{lines}"
    );
    assert!(health.is_healthy(), "a restart would not help");
    health.committed("contoso", "a", &brought(1, 0));
    assert_eq!(health.lines(), "contoso a flowing\n");
    assert_eq!(health.0["contoso"]["a"].rejected, 200);
}

#[test]
fn quiet_and_refused_are_told_apart() {
    let mut health = HealthTable::default();
    health.expect("contoso");
    health.found("contoso", &found(&["a", "b", "c"]), &[]);
    health.committed("contoso", "a", &brought(3, 0));
    health.committed("contoso", "b", &brought(0, 0));
    health.failed(
        "contoso",
        "c",
        &Failure::host(Fault::Denied, "role", "may not read"),
        SystemTime::now(),
    );
    assert_eq!(
        health.lines(),
        "contoso a flowing\ncontoso b quiet\ncontoso c refused may not read [host.role]\n"
    );
    assert!(health.is_healthy());
}

#[test]
fn a_host_without_one_working_row_is_unhealthy() {
    let mut health = HealthTable::default();
    assert!(health.is_healthy());
    health.failed(
        "contoso",
        "",
        &Failure::host(Fault::Retry, "x", "x"),
        SystemTime::now(),
    );
    assert!(!health.is_healthy());
    health.found("contoso", &found(&["a"]), &[]);
    assert!(health.is_healthy());
}

#[test]
fn a_host_that_cannot_store_is_unhealthy_until_it_can() {
    let mut health = HealthTable::default();
    health.found("contoso", &found(&["a"]), &[]);
    health.state_is(Some("the state file is gone"));
    assert!(!health.is_healthy());
    assert_eq!(
        health.lines(),
        "(host) state retrying the state file is gone\ncontoso a waiting\n"
    );
    health.state_is(None);
    assert!(health.is_healthy());
    assert_eq!(health.lines(), "contoso a waiting\n");
}

#[test]
fn what_an_ended_source_was_to_read_does_not_wait_any_more() {
    let mut health = HealthTable::default();
    health.found("contoso", &found(&["a", "b"]), &[]);
    health.found("fabrikam", &found(&["c"]), &[]);
    health.ended("contoso", &Failure::host(Fault::Gone, "sink", "nobody reads"));
    let stopped = "stopped nobody reads [host.sink]";
    assert_eq!(
        health.lines(),
        format!("contoso a {stopped}\ncontoso b {stopped}\nfabrikam c waiting\n")
    );
}

#[test]
fn what_is_known_and_not_read_stays_visible_until_it_is_back() {
    let mut health = HealthTable::default();
    health.found("contoso", &found(&["a", "b"]), &[]);
    health.committed("contoso", "b", &brought(1, 0));
    let away = |id: &str, is_gone| Away {
        id: id.to_owned(),
        title: String::new(),
        is_gone,
        reason: "why".to_owned(),
    };
    health.found("contoso", &found(&["a"]), &[away("b", true), away("c", false)]);
    assert_eq!(
        health.lines(),
        "contoso a waiting\ncontoso b gone why\ncontoso c unavailable why\n"
    );
    assert_eq!(health.0["contoso"]["b"].title, "The b");
    assert!(health.is_healthy());
    health.found("contoso", &found(&["a", "b"]), &[]);
    assert_eq!(health.lines(), "contoso a waiting\ncontoso b waiting\n");
}

#[test]
fn a_success_clears_the_error_and_a_vanished_partition_its_row() {
    let mut health = HealthTable::default();
    health.found("contoso", &found(&["a", "b"]), &[]);
    health.failed(
        "contoso",
        "a",
        &Failure::host(Fault::Retry, "x", "x"),
        SystemTime::now(),
    );
    health.committed("contoso", "a", &brought(1, 0));
    health.found("contoso", &found(&["a"]), &[]);
    assert_eq!(health.lines(), "contoso a flowing\n");
    assert_eq!(health.0["contoso"]["a"].lag, Some(5));
}
