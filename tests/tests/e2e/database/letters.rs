//! Dead letters in PostgreSQL: every host lists and replays those of every host, and none is lost, kept twice or replayed twice.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::Duration;

use headwater::cursor::postgres::{Address, PostgresStore};
use headwater::model::{Attribute, RefusedEvent, Rejected};
use headwater::secret::SecretText;
use headwater::sink::{DeadLetters, Letter, LetterTable};

use super::{URL_VARIABLE, run, use_database};
use crate::collector::{Collector, free_address, get, listener};
use crate::lab;
use crate::postgres::{PASSWORD, Pooler, Postgres};
use crate::site::{Finished, Site, Source, finish, wait_until};

/// The longest that a statement of these tests may take.
const PATIENCE: Duration = Duration::from_secs(2);

async fn table(url: &str) -> LetterTable {
    let address = Address::new(SecretText::written(url));
    let store = PostgresStore::open(address, "default", PATIENCE).await;
    LetterTable::new(store.expect("the database can be used"))
}

/// An event that a sink refused.
fn refused(id: &str, body: &str) -> Rejected {
    let attribute = |name: &str| Attribute {
        name: name.to_owned(),
        value: "x".to_owned(),
    };
    Rejected {
        id: Some(id.to_owned()),
        reason: "400 Bad Request".to_owned(),
        raw: body.into(),
        refused: Some(Box::new(RefusedEvent {
            time: Some(7),
            severity: 9,
            attributes: vec![attribute("cloud.region")],
            partition_attributes: vec![attribute("cloud.account.id")].into(),
        })),
    }
}

/// What never was an event.
fn rejected(id: Option<&str>, reason: &str, raw: &[u8]) -> Rejected {
    Rejected {
        id: id.map(str::to_owned),
        reason: reason.to_owned(),
        raw: raw.to_vec(),
        refused: None,
    }
}

async fn letters(table: &LetterTable) -> Vec<Letter> {
    let page = table.page(&["contoso"], None, 0).await.expect("it answers");
    page.into_iter().filter_map(|placed| placed.letter).collect()
}

/// A host of its own folder that delivers to this address, with its state in the database and further lines of its source.
fn host(endpoint: &str, sink: std::net::SocketAddr, keys: &str) -> Site {
    let site = Site::new(&[Source {
        sink: format!("type = \"http\"\nurl = \"http://{sink}/\"\ngzip = false"),
        keys: keys.to_owned(),
        ..Source::azure("contoso", endpoint)
    }]);
    use_database(&site, "[cluster]\nlease = \"6s\"\n");
    site
}

fn command(site: &Site, url: &str, arguments: &[&str]) -> Finished {
    let finished = site.run_with(&[(URL_VARIABLE, url)], arguments);
    assert!(!finished.text().contains(PASSWORD), "the password was shown");
    finished
}

/// Ends a host by SIGTERM.
fn stop(host: Child) -> Finished {
    let stopped = std::process::Command::new("kill")
        .arg(host.id().to_string())
        .status();
    assert!(stopped.is_ok_and(|status| status.success()));
    finish(host)
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn what_one_host_could_not_deliver_another_one_lists_and_replays() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let server = lab::serve(lab::with_events(40));
    let poisoned = lab::visible_ids(&server)[7].clone();
    let (refusing, accepting, nobody) = (listener(), listener(), free_address());
    let (refusing_at, accepting_at) = (
        refusing.local_addr().expect("it is bound"),
        accepting.local_addr().expect("it is bound"),
    );
    let first = Collector::start(refusing, &poisoned);
    let one = host(server.endpoint(), refusing_at, "");
    command(&one, &url, &["run", "--once"])
        .exits_with(1)
        .says("they are in the dead letters");
    assert_eq!(first.ids().len(), lab::visible_ids(&server).len() - 1);
    assert!(!one.path("contoso.dead.ndjson").exists());

    let away = host(server.endpoint(), nobody, "");
    let listed = command(&away, &url, &["dead-letter", "list"]);
    listed.exits_with(0).says(&poisoned).says("400");
    assert_eq!(listed.stdout.lines().count(), 2, "{}", listed.stdout);
    command(&away, &url, &["dead-letter", "show", "--id", &poisoned])
        .exits_with(0)
        .says("replay  possible")
        .says("\"@timestamp\"");
    let other = command(&away, &url, &["dead-letter", "list", "--id", "another"]);
    assert_eq!(other.stdout.lines().count(), 1, "{}", other.stdout);
    command(&away, &url, &["dead-letter", "replay"])
        .exits_with(1)
        .says("does not accept");
    // What is refused still is kept, and free for the next replay.
    command(&one, &url, &["dead-letter", "replay"])
        .exits_with(1)
        .says("does not accept");

    let second = Collector::start(accepting, "");
    let other = host(server.endpoint(), accepting_at, "");
    command(&other, &url, &["dead-letter", "replay", "--source", "contoso"])
        .exits_with(0)
        .says("accepted=1");
    assert_eq!(second.ids(), [poisoned]);
    command(&other, &url, &["dead-letter", "replay"]).exits_with(0);
    assert_eq!(second.ids().len(), 1, "nothing is delivered twice");
    let count = "SELECT count(*) FROM headwater_dead_letter";
    assert_eq!(postgres.sql("headwater", count), "0");
    command(&other, &url, &["dead-letter", "list", "--source", "nobody"]).exits_with(2);
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_batch_is_committed_only_when_its_dead_letters_are_kept_and_they_are_counted() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let server = lab::serve(lab::with_events(40));
    let poisoned = lab::visible_ids(&server)[7].clone();
    let refusing = listener();
    let refusing_at = refusing.local_addr().expect("it is bound");
    let collector = Collector::start(refusing, &poisoned);
    let site = host(server.endpoint(), refusing_at, "");
    let address = free_address();
    let configuration = site.read("headwater.toml");
    let listen = format!("[listen]\naddress = \"{address}\"\n{configuration}");
    site.write("headwater.toml", &listen);
    // The tables are there before one of them is locked.
    command(&site, &url, &["state", "list"]).exits_with(0);
    let lock = "BEGIN; LOCK TABLE headwater_dead_letter; SELECT pg_sleep(100)";
    let mut holder = postgres.sql_meanwhile(lock);
    let locks =
        "SELECT count(*) FROM pg_locks WHERE relation = 'headwater_dead_letter'::regclass AND granted";
    wait_until("it is locked", || postgres.sql("headwater", locks) == "1");
    let running = site.start_with(&[(URL_VARIABLE, &url)], &["run"]);
    wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());
    wait_until("it says what it waits for", || {
        get(address, "/status.json").contains("cannot keep rejected items in the database")
    });
    let cursors = || postgres.sql("headwater", "SELECT count(*) FROM headwater_cursor");
    assert_eq!(cursors(), "1", "the other partition goes on");
    postgres.sql(
        "headwater",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%' AND pid <> pg_backend_pid()",
    );
    let _ = holder.kill();
    let _ = holder.wait();
    wait_until("the letter is counted", || {
        get(address, "/metrics").contains("headwater_dead_letters{source=\"contoso\"} 1\n")
    });
    assert_eq!(cursors(), "2");
    let status = command(&site, &url, &["status"]);
    status.exits_with(0).says("1 since 20");
    // Somebody should look at the letter.
    stop(running).exits_with(1);
    let delivered: BTreeSet<String> = collector.ids().into_iter().collect();
    assert_eq!(delivered.len(), lab::visible_ids(&server).len() - 1);
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_path_of_a_source_wins_over_the_database() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let server = lab::serve(lab::with_events(40));
    let poisoned = lab::visible_ids(&server)[7].clone();
    let refusing = listener();
    let refusing_at = refusing.local_addr().expect("it is bound");
    let _collector = Collector::start(refusing, &poisoned);
    let site = host(server.endpoint(), refusing_at, "dead_letter = \"here.ndjson\"");
    command(&site, &url, &["run", "--once"])
        .exits_with(1)
        .says("remove `dead_letter` to keep them in the database");
    assert!(site.read("here.ndjson").contains(&poisoned));
    command(&site, &url, &["dead-letter", "list"])
        .exits_with(0)
        .says(&poisoned);
    let count = "SELECT count(*) FROM headwater_dead_letter";
    assert_eq!(postgres.sql("headwater", count), "0");
}

#[test]
#[ignore = "needs PostgreSQL and pgbouncer, which .ci/run installs"]
fn items_are_kept_as_they_are_and_once_also_through_a_pooler() {
    let postgres = Postgres::start();
    let pooler = Pooler::start(&postgres);
    run(async {
        let (one, other) = (table(&postgres.url()).await, table(&pooler.url()).await);
        // PostgreSQL has no NUL in texts.
        let items = [
            refused("a\0b", "{\"n\":\"\u{1f980}\"}"),
            rejected(None, "no \"time\"\0\n", b"\xff\0"),
            rejected(Some("x"), "odd", b""),
            rejected(None, "no \"time\"\0\n", b"\xff\0"),
        ];
        for table in [&one, &other, &one] {
            let letters = DeadLetters::in_table("contoso", table.clone());
            letters.keep("p", &[]).await.expect("nothing to keep");
            letters.keep("p", &items).await.expect("it answers");
        }
        let kept = letters(&other).await;
        assert_eq!(kept.len(), 3, "{kept:?}");
        let event = kept[0].to_event().expect("it is one");
        assert_eq!(
            (event.id.as_str(), event.time, event.severity, event.body.as_str()),
            ("a\0b", Some(7), 9, "{\"n\":\"\u{1f980}\"}")
        );
        assert_eq!(event.attributes.len(), 1);
        assert_eq!(kept[0].partition_attributes().len(), 1);
        assert!(kept[0].time.as_ref().is_some_and(|time| time.ends_with('Z')));
        assert_eq!(
            (kept[1].to_event(), kept[1].content()),
            (None, "(base64) /wA=".into())
        );
        assert_eq!(kept[1].reason, "no \"time\"\u{fffd}\n");
        assert_eq!(
            (kept[2].id.as_deref(), kept[2].raw.as_deref()),
            (Some("x"), Some(""))
        );
        let counts = other
            .count(&["contoso".to_owned(), "fabrikam".to_owned()])
            .await
            .expect("it answers");
        assert_eq!((counts[0].1.letters, counts[1].1.letters), (3, 0));
        assert_eq!(counts[0].1.oldest, kept[0].time);
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn very_many_letters_and_large_ones_are_kept_and_read_in_parts() {
    let postgres = Postgres::start();
    run(async {
        let table = table(&postgres.url()).await;
        let mut items: Vec<Rejected> = (0..10_000)
            .map(|number| refused(&number.to_string(), "{}"))
            .collect();
        let large = "x".repeat(3 << 20);
        items.extend((0..4).map(|number| refused(&format!("large-{number}"), &large)));
        let letters = DeadLetters::in_table("contoso", table.clone());
        letters.keep("p", &items).await.expect("it answers");
        let (mut after, mut ids, mut largest) = (0, BTreeSet::new(), 0);
        loop {
            let page = table.page(&["contoso"], None, after).await.expect("it answers");
            let Some(last) = page.last() else { break };
            after = last.place;
            let size = |letter: &Letter| letter.content().len();
            let letters = page.iter().filter_map(|placed| placed.letter.as_ref());
            largest = largest.max(letters.clone().map(size).sum::<usize>());
            ids.extend(letters.filter_map(|letter| letter.id.clone()));
        }
        assert_eq!(ids.len(), items.len());
        assert!(largest <= 7 << 20, "{largest} bytes at once");
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn replays_at_once_deliver_each_event_once() {
    const LETTERS: usize = 2_000;
    let postgres = Postgres::start();
    let url = postgres.url();
    run(async {
        let items: Vec<Rejected> = (0..LETTERS)
            .map(|number| {
                let id = format!("{number:04}");
                refused(&id, &format!("{{\"event\":{{\"id\":\"{id}\"}}}}"))
            })
            .collect();
        let letters = DeadLetters::in_table("contoso", table(&url).await);
        letters.keep("p", &items).await.expect("it answers");
    });
    let server = lab::serve(lab::with_events(1));
    let accepting = listener();
    let accepting_at = accepting.local_addr().expect("it is bound");
    let collector = Collector::start(accepting, "");
    let sites = [(); 3].map(|()| host(server.endpoint(), accepting_at, ""));
    let variables = [(URL_VARIABLE, url.as_str())];
    let replays = sites
        .each_ref()
        .map(|site| site.start_with(&variables, &["dead-letter", "replay"]));
    let finished = replays.map(finish);
    let expected: Vec<String> = (0..LETTERS).map(|number| format!("{number:04}")).collect();
    assert_eq!(collector.ids(), expected, "{finished:?}");
    let count = "SELECT count(*) FROM headwater_dead_letter";
    assert_eq!(postgres.sql("headwater", count), "0");
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_letter_is_replayed_by_one_at_a_time_and_by_another_when_that_one_has_died() {
    let postgres = Postgres::start();
    run(async {
        let (one, other) = (table(&postgres.url()).await, table(&postgres.url()).await);
        let letters = DeadLetters::in_table("contoso", one.clone());
        let items = [
            refused("1", "{}"),
            refused("2", "{}"),
            refused("3", "{}"),
            rejected(None, "odd", b"x"),
        ];
        letters.keep("p", &items).await.expect("it answers");
        let mut replay = one.replay("contoso", None);
        let part = replay
            .next()
            .await
            .expect("it answers")
            .expect("there are letters");
        assert_eq!(part.len(), 3, "what holds no event is no part of a replay");
        let mut second = other.replay("contoso", None);
        assert_eq!(second.next().await.expect("it answers"), None);
        let untouched = second.untouched().await.expect("it answers");
        assert_eq!((untouched.no_event, untouched.elsewhere), (1, 3));
        // One is accepted, another refused, and then the first replay dies.
        replay
            .settle(&BTreeSet::from([part[0].place]))
            .await
            .expect("it answers");
        let mut dying = one.replay("contoso", Some("2"));
        assert!(dying.next().await.expect("it answers").is_some());
        let mut second = other.replay("contoso", None);
        let rest = second.next().await.expect("it answers").expect("one is free");
        assert_eq!(rest.len(), 1);
        second.settle(&BTreeSet::new()).await.expect("it answers");
        // The claim of the dead is over.
        postgres.sql(
            "headwater",
            "UPDATE headwater_dead_letter SET replayed_until = now() - interval '1 second' WHERE replayer IS NOT NULL",
        );
        let mut third = other.replay("contoso", None);
        let rest = third.next().await.expect("it answers").expect("both are free");
        assert_eq!(rest.len(), 2);
        let places = rest.iter().map(|letter| letter.place).collect();
        third.settle(&places).await.expect("it answers");
        let left = postgres.sql("headwater", "SELECT reason FROM headwater_dead_letter");
        assert_eq!(left, "odd");
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn letters_of_another_cluster_are_not_touched() {
    let postgres = Postgres::start();
    run(async {
        let one = table(&postgres.url()).await;
        let address = Address::new(SecretText::written(postgres.url()));
        let store = PostgresStore::open(address, "staging", PATIENCE).await;
        let other = LetterTable::new(store.expect("the database can be used"));
        for table in [&one, &other] {
            let letters = DeadLetters::in_table("contoso", table.clone());
            letters
                .keep("p", &[refused("1", "{}")])
                .await
                .expect("it answers");
        }
        let mut replay = other.replay("contoso", None);
        let part = replay.next().await.expect("it answers").expect("there is one");
        let places = part.iter().map(|letter| letter.place).collect();
        replay.settle(&places).await.expect("it answers");
        assert_eq!(letters(&other).await, []);
        assert_eq!(letters(&one).await.len(), 1);
    });
}
