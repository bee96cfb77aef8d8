use super::super::families::{EVENTS, FAULTS, MEMORY_PEAK, all};
use super::*;

#[test]
fn the_documentation_lists_every_family_and_no_other() {
    let page = include_str!("../../../../docs/metrics.md");
    let mut listed: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim);
            let name = cells.nth(1)?.strip_prefix('`')?.strip_suffix('`')?;
            let is_of_process = name.starts_with("process_");
            let name = name
                .strip_prefix("headwater_")
                .or(is_of_process.then_some(name))?;
            Some((name, cells.next()?))
        })
        .collect();
    let mut expected: Vec<(&str, &str)> = all().map(|family| (family.name, family.kind())).collect();
    expected.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, expected);
}

#[test]
fn series_are_written_by_family() {
    let mut metrics = Metrics::default();
    metrics.add(&EVENTS, "two", &[("partition", "p")], 1.0);
    metrics.add(&EVENTS, "one", &[("partition", "p")], 1.0);
    metrics.add(&EVENTS, "one", &[("partition", "p")], 2.0);
    metrics.set(&MEMORY_PEAK, "one", &[("partition", "a\"b\\c\nd")], 7.0);
    metrics.set(&MEMORY_PEAK, "one", &[("partition", "a\"b\\c\nd")], 5.0);
    let text = metrics.render();
    let (build, text) = text.split_at(text.find("# HELP headwater_events").unwrap());
    let text = text.replace(
        &text[text.find("# HELP headwater_log").unwrap()..text.find("# HELP headwater_memory").unwrap()],
        "",
    );
    assert!(build.contains(concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n")));
    insta::assert_snapshot!(text, @r#"
    # HELP headwater_events_total Events delivered.
    # TYPE headwater_events_total counter
    headwater_events_total{source="one",partition="p"} 3
    headwater_events_total{source="two",partition="p"} 1
    # HELP headwater_memory_peak_bytes Largest linear memory of the last poll.
    # TYPE headwater_memory_peak_bytes gauge
    headwater_memory_peak_bytes{source="one",partition="a\"b\\c d"} 5
    # HELP headwater_omitted_series Series left out of this page because it would be too large.
    # TYPE headwater_omitted_series gauge
    headwater_omitted_series 0
    "#);
}

#[test]
fn a_page_is_bounded_and_says_what_it_left_out() {
    let labels = "x".repeat(1 << 20);
    let mut page = MetricsPage::default();
    let series = vec![(&EVENTS, labels, 1.0)];
    let fits = LARGEST_PAGE >> 20;
    for _ in 0..fits + 10 {
        page.add(&series);
    }
    let text = page.finish(0);
    assert!(text.len() < LARGEST_PAGE + (2 << 20), "{}", text.len());
    assert!(text.contains("headwater_omitted_series 10\n"));
}

#[test]
fn one_source_cannot_crowd_out_another() {
    let mut metrics = Metrics::default();
    for number in 0..MOST_SERIES_PER_SOURCE + 10 {
        metrics.add(&EVENTS, "noisy", &[("partition", &number.to_string())], 1.0);
    }
    metrics.add(&EVENTS, "quiet", &[], 1.0);
    let text = metrics.render();
    assert_eq!(
        text.lines().filter(|line| line.contains("noisy")).count(),
        MOST_SERIES_PER_SOURCE
    );
    assert!(text.contains("headwater_events_total{source=\"quiet\"} 1"));
}

#[test]
fn what_a_plugin_counts_leaves_room_for_what_the_host_counts() {
    let mut metrics = Metrics::default();
    for number in 0..MOST_CHOSEN_SERIES + 10 {
        metrics.add(&OTHER_COUNTER, "noisy", &[("name", &number.to_string())], 1.0);
        metrics.add(&FAULTS, "noisy", &[("code", &number.to_string())], 1.0);
    }
    metrics.add(&EVENTS, "noisy", &[("partition", "p")], 1.0);
    let text = metrics.render();
    let count = text.lines().filter(|line| line.contains("noisy")).count();
    assert_eq!(count, MOST_CHOSEN_SERIES + 1);
    assert!(text.contains("headwater_events_total{source=\"noisy\",partition=\"p\"} 1"));
}

#[test]
fn rules_and_dashboard_name_only_what_there_is() {
    let known: Vec<String> = all().map(|family| family.full_name()).collect();
    for (page, text) in [
        (
            "alerts.yml",
            include_str!("../../../../docs/prometheus/alerts.yml"),
        ),
        (
            "headwater.json",
            include_str!("../../../../docs/grafana/headwater.json"),
        ),
    ] {
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let mut named = 0;
        for word in words.filter(|word| word.starts_with("headwater_") || word.starts_with("process_")) {
            assert!(known.iter().any(|name| name == word), "{page}: {word}");
            named += 1;
        }
        assert!(named > 10, "{page}: only {named}");
    }
}
