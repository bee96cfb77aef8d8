//! A state file that was altered is read as it was, or refused. Nothing in between.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::cursor::state_file::tables::{ABOUT, BEGUN, CURSORS};

/// Enough for trees of several levels.
const PARTITIONS: usize = 300;
const PAGE: usize = 4_096;

/// Everything that a reader of the file learns.
type Reading = Vec<(String, String, Vec<u8>)>;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// A file with many entries, and what it says.
fn filled() -> (Vec<u8>, Reading) {
    let (_folder, path) = temporary();
    let fill = async {
        let state = State::open(&path).unwrap();
        for number in 0..PARTITIONS {
            let cursor = format!("1 until {number}\n{}", "x".repeat(number % 700));
            let partition = format!("subscriptions/{number:08}");
            state
                .commit("contoso", &partition, "p 1", cursor.as_bytes())
                .await
                .unwrap();
        }
    };
    runtime().block_on(fill);
    let reading = read(&path).unwrap();
    assert_eq!(reading.len(), PARTITIONS);
    (std::fs::read(&path).unwrap(), reading)
}

/// Opens the file as a start does, and reads everything.
fn read(path: &Path) -> Result<Reading, StateError> {
    let all = async {
        let state = State::open(path)?;
        let mut reading = Vec::new();
        for entry in state.entries().await? {
            let cursor = state.load(&entry.source, &entry.partition).await;
            let cursor = cursor.expect("it was judged").expect("it is listed");
            reading.push((entry.source, entry.partition, cursor));
        }
        Ok(reading)
    };
    runtime().block_on(all)
}

#[derive(Debug, Clone)]
enum Damage {
    Bits(Vec<(Index, u8)>),
    CutOff(Index),
    ZeroedPage(Index),
    SwappedPages(Index, Index),
    Overwritten(Index, Vec<u8>),
}

impl Damage {
    fn apply(&self, file: &mut Vec<u8>) {
        let pages = file.len() / PAGE;
        let page = |index: &Index| index.index(pages) * PAGE;
        match self {
            Self::Bits(bits) => bits.iter().for_each(|(at, bit)| {
                let at = at.index(file.len());
                file[at] ^= 1 << bit;
            }),
            Self::CutOff(at) => file.truncate(at.index(file.len())),
            Self::ZeroedPage(at) => {
                let start = page(at);
                file[start..start + PAGE].fill(0);
            }
            Self::SwappedPages(a, b) => {
                let (a, b) = (page(a), page(b));
                for offset in 0..PAGE {
                    file.swap(a + offset, b + offset);
                }
            }
            Self::Overwritten(at, bytes) => {
                let start = at.index(file.len());
                let end = (start + bytes.len()).min(file.len());
                file[start..end].copy_from_slice(&bytes[..end - start]);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        6 => prop::collection::vec((any::<Index>(), 0..8u8), 1..=20).prop_map(Damage::Bits),
        1 => any::<Index>().prop_map(Damage::CutOff),
        2 => any::<Index>().prop_map(Damage::ZeroedPage),
        2 => any::<(Index, Index)>().prop_map(|(a, b)| Damage::SwappedPages(a, b)),
        2 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..600)).prop_map(|(at, bytes)| Damage::Overwritten(at, bytes)),
    ]
}

#[test]
fn an_altered_file_is_read_as_it_was_or_refused_and_left_alone() {
    let (whole, expected) = filled();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(600));
    let refused = std::cell::Cell::new(0);
    let outcome = runner.run(&damage(), |damage| {
        let mut altered = whole.clone();
        damage.apply(&mut altered);
        std::fs::write(&path, &altered).unwrap();
        match read(&path) {
            Ok(reading) => prop_assert!(reading == expected, "{damage:?} was read as something else"),
            Err(error) => {
                refused.set(refused.get() + 1);
                prop_assert!(error.needs_a_person(), "{damage:?}: {error}");
                prop_assert!(
                    std::fs::read(&path).unwrap() == altered,
                    "{damage:?}: the file was changed"
                );
            }
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(refused.get() > 300, "{} of 600 were refused", refused.get());
}

/// Changes a file as somebody with the engine in hand could.
fn with_engine(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

const A: (&str, &str) = ("one", "a");

fn three_partitions() -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = temporary();
    let fill = async {
        let state = State::open(&path).unwrap();
        for partition in ["a", "b", "c"] {
            state.commit("one", partition, "p 1", b"1 x").await.unwrap();
        }
    };
    runtime().block_on(fill);
    (folder, path)
}

#[test]
fn an_entry_that_was_lost_or_changed_is_refused_by_name() {
    type Change = fn(&redb::WriteTransaction);
    let cases: [(&str, Change); 4] = [
        (
            "source \"one\", partition \"a\": it had a cursor and has none",
            |t| {
                t.open_table(CURSORS).unwrap().remove(A).unwrap();
            },
        ),
        ("source \"one\", partition \"a\": its cursor is damaged", |t| {
            t.open_table(BEGUN).unwrap().remove(A).unwrap();
        }),
        ("source \"one\", partition \"a\": its cursor is damaged", |t| {
            t.open_table(CURSORS).unwrap().insert(A, &b"{}\n1 x"[..]).unwrap();
        }),
        // An older cursor that was valid in this place.
        ("source \"one\", partition \"a\": its cursor is damaged", |t| {
            let sealed = Envelope::seal("one", "a", "p 1", b"1 earlier");
            t.open_table(CURSORS)
                .unwrap()
                .insert(A, sealed.as_slice())
                .unwrap();
        }),
    ];
    for (expected, change) in cases {
        let (_folder, path) = three_partitions();
        with_engine(&path, change);
        let error = State::open(&path).unwrap_err();
        assert!(matches!(error, StateError::Entries { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_key_that_turned_into_another_is_refused_with_both() {
    let (_folder, path) = three_partitions();
    with_engine(&path, |transaction| {
        let mut cursors = transaction.open_table(CURSORS).unwrap();
        let sealed = cursors.remove(A).unwrap().unwrap().value().to_vec();
        cursors.insert(("one", "`"), sealed.as_slice()).unwrap();
    });
    let error = State::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("partition \"a\": it had a cursor and has none"),
        "{error}"
    );
    assert!(
        error.contains("partition \"`\": its cursor is damaged"),
        "{error}"
    );
}

#[test]
fn a_table_or_a_row_about_the_file_that_is_gone_is_refused() {
    type Change = fn(&redb::WriteTransaction);
    let cases: [Change; 7] = [
        |t| assert!(t.delete_table(CURSORS).unwrap()),
        |t| assert!(t.delete_table(BEGUN).unwrap()),
        |t| assert!(t.delete_table(ABOUT).unwrap()),
        |t| drop(t.open_table(ABOUT).unwrap().remove("layout").unwrap()),
        |t| drop(t.open_table(ABOUT).unwrap().remove("partitions").unwrap()),
        |t| {
            t.delete_table(CURSORS).unwrap();
            t.delete_table(BEGUN).unwrap();
            t.open_table(CURSORS).unwrap();
            t.open_table(BEGUN).unwrap();
        },
        |t| {
            t.open_table(CURSORS).unwrap().remove(A).unwrap();
            t.open_table(BEGUN).unwrap().remove(A).unwrap();
        },
    ];
    for (number, change) in cases.into_iter().enumerate() {
        let (_folder, path) = three_partitions();
        with_engine(&path, change);
        let error = State::open(&path).unwrap_err();
        assert!(error.needs_a_person(), "{number}: {error}");
    }
}

#[tokio::test]
async fn one_damaged_entry_can_be_reset_and_the_others_stay() {
    let (_folder, path) = tokio::task::spawn_blocking(three_partitions).await.unwrap();
    with_engine(&path, |transaction| {
        transaction.open_table(CURSORS).unwrap().remove(A).unwrap();
        transaction
            .open_table(CURSORS)
            .unwrap()
            .insert(("one", "b"), &b"{}"[..])
            .unwrap();
    });
    let reset = async |partition: &str| {
        let state = State::open_damaged(&path).unwrap();
        let stored = state.commit("one", "c", "p 1", b"1 y").await.unwrap_err();
        assert!(stored.needs_a_person(), "{stored}");
        state
            .forget(vec![("one".to_owned(), partition.to_owned())])
            .await
            .unwrap();
    };
    reset("a").await;
    let error = State::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("partition \"b\"") && !error.contains("partition \"a\""),
        "{error}"
    );
    reset("b").await;
    let state = State::open(&path).unwrap();
    assert_eq!(state.load("one", "a").await.unwrap(), None);
    assert_eq!(state.load("one", "b").await.unwrap(), None);
    assert_eq!(
        state.load("one", "c").await.unwrap().as_deref(),
        Some(&b"1 x"[..])
    );
}

/// The layout of the first version.
fn in_the_old_layout(path: &Path) {
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        transaction
            .open_table(ABOUT)
            .unwrap()
            .insert("layout", 1)
            .unwrap();
        let mut cursors = transaction.open_table(CURSORS).unwrap();
        for number in 0..50 {
            let partition = number.to_string();
            let sealed = Envelope::seal("one", &partition, "p 1", b"1 old");
            cursors
                .insert(("one", partition.as_str()), sealed.as_slice())
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_file_of_the_old_layout_keeps_its_cursors_and_is_guarded_from_then_on() {
    let (_folder, path) = temporary();
    in_the_old_layout(&path);
    let state = State::open(&path).unwrap();
    assert_eq!(state.entries().await.unwrap().len(), 50);
    state.commit("one", "0", "p 1", b"1 new").await.unwrap();
    drop(state);
    let state = State::open(&path).unwrap();
    assert_eq!(
        state.load("one", "0").await.unwrap().as_deref(),
        Some(&b"1 new"[..])
    );
    assert_eq!(
        state.load("one", "49").await.unwrap().as_deref(),
        Some(&b"1 old"[..])
    );
    drop(state);
    with_engine(&path, |transaction| {
        transaction
            .open_table(CURSORS)
            .unwrap()
            .remove(("one", "7"))
            .unwrap();
    });
    let error = State::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("partition \"7\": it had a cursor and has none"),
        "{error}"
    );
}

#[test]
fn a_damaged_file_of_the_old_layout_is_refused_before_it_is_upgraded() {
    let (_folder, path) = temporary();
    in_the_old_layout(&path);
    with_engine(&path, |transaction| {
        transaction
            .open_table(CURSORS)
            .unwrap()
            .insert(("one", "7"), &b"?"[..])
            .unwrap();
    });
    let error = State::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("partition \"7\": its cursor is damaged"),
        "{error}"
    );
    let database = Database::open(&path).unwrap();
    let about = database.begin_read().unwrap().open_table(ABOUT).unwrap();
    assert_eq!(about.get("layout").unwrap().unwrap().value(), 1);
}
