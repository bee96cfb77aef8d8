//! Commits that wait for each other.

use super::*;

fn sealed(partition: &str) -> Sealed {
    Sealed {
        source: "one".to_owned(),
        partition: partition.to_owned(),
        envelope: Envelope::seal("one", partition, "p 1", b"1 first"),
    }
}

fn store(path: &Path) -> Store {
    Store::open(path.to_owned(), false).ok().unwrap()
}

#[test]
fn whatever_waits_is_written_at_once_but_for_what_nobody_waits_for() {
    let (_folder, path) = temporary();
    let mut store = store(&path);
    let waiting = Waiting::default();
    let (mut first, given_up, mut second) = (
        waiting.add(sealed("a")),
        waiting.add(sealed("b")),
        waiting.add(sealed("c")),
    );
    drop(given_up);
    waiting.write(&mut store);
    first.try_recv().unwrap().unwrap();
    second.try_recv().unwrap().unwrap();
    let kept = store.with(entries).unwrap();
    let kept: Vec<_> = kept.iter().map(|entry| entry.partition.as_str()).collect();
    assert_eq!(kept, ["a", "c"]);
}

#[test]
fn each_is_told_what_keeps_it_from_being_written() {
    let (_folder, path) = temporary();
    let mut store = store(&path);
    std::fs::remove_file(&path).unwrap();
    let waiting = Waiting::default();
    let answers = ["a", "b"].map(|partition| waiting.add(sealed(partition)));
    waiting.write(&mut store);
    for mut answer in answers {
        let error = answer.try_recv().unwrap().unwrap_err().to_string();
        assert!(error.contains("removed or moved"), "{error}");
    }
}

#[test]
fn what_was_given_up_is_not_held_while_nothing_is_written() {
    let waiting = Waiting::default();
    let _answer = waiting.add(sealed("a"));
    for _ in 0..1_000 {
        drop(waiting.add(sealed("b")));
    }
    assert!(waiting.held() < 10, "{}", waiting.held());
}

#[tokio::test]
async fn commits_side_by_side_survive_a_restart_and_are_counted_right() {
    let (_folder, path) = temporary();
    let state = State::open(&path).unwrap();
    for round in [&b"1 first"[..], b"1 second"] {
        let mut commits = tokio::task::JoinSet::new();
        for number in 0..200 {
            let state = state.clone();
            let partition = format!("{number:03}");
            commits.spawn(async move { state.commit("one", &partition, "p 1", round).await });
        }
        while let Some(committed) = commits.join_next().await {
            committed.unwrap().unwrap();
        }
    }
    drop(state);
    // The file is judged as a whole when it is opened: the number of partitions, and each entry against its digest.
    let state = State::open(&path).unwrap();
    assert_eq!(state.partitions("one").await.unwrap().len(), 200);
    let last = state.load("one", "199").await.unwrap();
    assert_eq!(last.as_deref(), Some(&b"1 second"[..]));
}
