mod damage;
mod in_use;
mod together;

use redb::ReadableDatabase;

use super::tables::{ABOUT, LAYOUT};
use super::*;

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    (folder, path)
}

#[tokio::test]
async fn a_cursor_survives_a_restart_in_its_own_place() {
    let (_folder, path) = temporary();
    let state = State::open(&path).unwrap();
    state.commit("one", "a", "p 1", b"1 first").await.unwrap();
    state.commit("one", "a", "p 1", b"1 second").await.unwrap();
    state.commit("two", "a", "p 1", b"1 other").await.unwrap();
    drop(state);
    let state = State::open(&path).unwrap();
    assert_eq!(
        state.load("one", "a").await.unwrap().as_deref(),
        Some(&b"1 second"[..])
    );
    assert_eq!(
        state.load("two", "a").await.unwrap().as_deref(),
        Some(&b"1 other"[..])
    );
    assert_eq!(state.load("one", "b").await.unwrap(), None);
}

#[tokio::test]
async fn forgetting_touches_only_what_was_named() {
    let (_folder, path) = temporary();
    let state = State::open(&path).unwrap();
    for partition in ["a", "b", "c"] {
        state.commit("one", partition, "p 1", b"1 x").await.unwrap();
    }
    state
        .forget(vec![
            ("one".to_owned(), "b".to_owned()),
            ("two".to_owned(), "a".to_owned()),
        ])
        .await
        .unwrap();
    let left: Vec<String> = state
        .entries()
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.partition)
        .collect();
    assert_eq!(left, ["a", "c"]);
}

#[tokio::test]
async fn a_draft_that_a_crash_left_at_any_length_is_no_obstacle() {
    let (_folder, path) = temporary();
    drop(State::open(&path).unwrap());
    let whole = std::fs::read(&path).unwrap();
    let lengths = (0..400).step_by(37).chain((400..whole.len()).step_by(49_999));
    for length in lengths {
        std::fs::remove_file(&path).unwrap();
        // Room is made before it is filled.
        let mut draft = whole.clone();
        draft[length..].fill(0);
        for draft in [&draft, &draft[..length]] {
            std::fs::write(path.with_added_extension("new"), draft).unwrap();
            let _ = std::fs::remove_file(file::marker(&path));
            let state = State::open(&path).unwrap();
            state.commit("one", "a", "p 1", b"1 first").await.unwrap();
            drop(state);
            if draft.len() == whole.len() {
                std::fs::remove_file(&path).unwrap();
            }
        }
    }
}

#[test]
fn a_second_opener_is_told_who_has_it() {
    let (_folder, path) = temporary();
    let _first = State::open(&path).unwrap();
    let error = State::open(&path).unwrap_err();
    assert!(matches!(error, StateError::InUse(_)), "{error}");
}

#[test]
fn a_file_that_is_no_state_is_refused_and_left_alone() {
    let (_folder, path) = temporary();
    for content in [
        &b""[..],
        b"x",
        b"something else entirely, and long enough to hold a header of its own",
        &[0; 8192],
    ] {
        std::fs::write(&path, content).unwrap();
        let error = State::open(&path).unwrap_err();
        assert!(
            matches!(error, StateError::Damaged { .. }),
            "{content:?}: {error:?}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

#[tokio::test]
async fn a_truncated_file_is_refused() {
    let (_folder, path) = temporary();
    let state = State::open(&path).unwrap();
    state.commit("one", "a", "p 1", b"1 x").await.unwrap();
    drop(state);
    let whole = std::fs::read(&path).unwrap();
    for length in [100, 4096, whole.len() / 2] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = State::open(&path).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{length}: {error:?}");
    }
}

#[test]
fn a_newer_layout_is_refused() {
    let (_folder, path) = temporary();
    drop(State::open(&path).unwrap());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(ABOUT)
        .unwrap()
        .insert("layout", LAYOUT + 1)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = State::open(&path).unwrap_err();
    assert!(matches!(error, StateError::Newer(_)), "{error}");
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/state.redb");
    let error = State::open(&path).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(matches!(error, StateError::Unusable { .. }), "{error:?}");
}
