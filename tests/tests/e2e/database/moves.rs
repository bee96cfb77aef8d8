//! Cursors that move into a database, and out of it.

use super::{URL_VARIABLE, reader, run, use_database};
use crate::lab;
use crate::postgres::{PASSWORD, Postgres};
use crate::site::{Site, Source, finish, headwater};

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_tenant_moves_into_a_cluster_that_runs_unless_a_host_reads_it() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let server = lab::serve(lab::with_events(5));
    let with_file = Site::new(&[Source::azure("contoso", server.endpoint())]);
    with_file.run(&["run", "--once"]).exits_with(0);
    let exported = with_file.run(&["state", "export", "--source", "contoso"]);
    exported.exits_with(0);
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    use_database(&site, "");
    site.write("contoso.state", &exported.stdout);
    let command = |arguments: &[&str]| site.run_with(&[(URL_VARIABLE, &url)], arguments);
    let import = [
        "state",
        "import",
        "--source",
        "contoso",
        "--from",
        "contoso.state",
    ];
    command(&["state", "export", "--source", "contoso"])
        .exits_with(2)
        .says("has no stored cursor");
    run(async {
        // Somebody reads it at this moment, and has stored nothing yet.
        let (_, member) = reader(&url, "contoso").await;
        let refused = command(&import);
        refused
            .exits_with(2)
            .says("a host of the cluster reads source \"contoso\"; nothing was stored");
        member.leave().await;
    });
    assert_eq!(
        postgres.sql("headwater", "SELECT count(*) FROM headwater_partition"),
        "0"
    );
    command(&import).exits_with(0).says("2 cursor(s) imported");
    command(&import).exits_with(2).says("already");
    let again = command(&["state", "export", "--source", "contoso"]);
    let cursors = |text: &str| -> Vec<serde_json::Value> {
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines
            .map(|line: serde_json::Value| line["cursor"].clone())
            .collect()
    };
    assert_eq!(cursors(&again.stdout), cursors(&exported.stdout));
    command(&["state", "show", "--source", "contoso"])
        .exits_with(0)
        .says("contoso subscriptions/");
    command(&["run", "--once"]).exits_with(0);
    assert_eq!(site.read("contoso.ndjson"), "", "nothing comes a second time");
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn cursors_move_to_a_database_and_back_and_nothing_is_overwritten() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    site.run(&["run", "--once"]).exits_with(0);
    let before = site.read("contoso.ndjson");
    let copy = |from: &str, to: &str| {
        let mut command = headwater(&site.path(""));
        command.args(["state", "copy", "--from", from, "--to", to]);
        finish(command.spawn().expect("headwater starts"))
    };
    copy("elsewhere.redb", &url).exits_with(2).says("check --from");
    copy("state.redb", &url)
        .exits_with(0)
        .says("2 cursor(s) copied, 0 there already");
    copy("state.redb", &url)
        .exits_with(0)
        .says("0 cursor(s) copied, 2 there already");
    // As if it had been interrupted after the first cursor.
    let delete = "DELETE FROM headwater_cursor WHERE partition = (SELECT max(partition) FROM headwater_cursor); \
                  DELETE FROM headwater_partition WHERE partition NOT IN (SELECT partition FROM headwater_cursor)";
    postgres.sql("headwater", delete);
    copy("state.redb", &url)
        .exits_with(0)
        .says("1 cursor(s) copied, 1 there already");
    let with_file = site.read("headwater.toml");
    use_database(&site, "");
    let with_database = site.read("headwater.toml");
    let variables = [(URL_VARIABLE, url.as_str())];
    site.run_with(&variables, &["run", "--once"]).exits_with(0);
    assert_eq!(site.read("contoso.ndjson"), before, "it went on where it was");
    let listed = site.run_with(&variables, &["state", "list"]);
    listed.exits_with(0).says("contoso  subscriptions/");
    copy(&url, "back.redb").exits_with(0).says("2 cursor(s) copied");
    site.write("headwater.toml", &with_file.replace("state.redb", "back.redb"));
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.read("contoso.ndjson"), before);
    // Both sides have gone on, and a person has to say which one counts.
    site.write("headwater.toml", &with_database);
    site.run_with(&variables, &["state", "reset", "--source", "contoso"])
        .exits_with(0)
        .says("2 cursor(s) deleted");
    site.run_with(&variables, &["run", "--once"]).exits_with(0);
    let refused = copy("state.redb", &url);
    refused
        .exits_with(2)
        .says("has another cursor at the destination");
    assert!(!refused.text().contains(PASSWORD), "the password was shown");
}
