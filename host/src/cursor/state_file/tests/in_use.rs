//! What happens to a state file from outside, before it is opened and while it is in use.

use super::*;

async fn opened() -> (tempfile::TempDir, PathBuf, State) {
    let (folder, path) = temporary();
    let state = State::open(&path).unwrap();
    state.commit("one", "a", "p 1", b"1 first").await.unwrap();
    (folder, path, state)
}

#[tokio::test]
async fn a_file_that_was_removed_moved_replaced_or_cut_off_takes_no_cursor() {
    type Change = fn(&Path);
    let cases: [(&str, Change); 4] = [
        ("removed or moved", |path| std::fs::remove_file(path).unwrap()),
        ("removed or moved", |path| {
            std::fs::rename(path, path.with_extension("old")).unwrap()
        }),
        ("replaced by another file", |path| {
            let copy = path.with_extension("copy");
            std::fs::copy(path, &copy).unwrap();
            std::fs::rename(copy, path).unwrap();
        }),
        ("cut off", |path| {
            std::fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(10)
                .unwrap()
        }),
    ];
    for (what, change) in cases {
        let (_folder, path, state) = opened().await;
        state.look().await.unwrap();
        change(&path);
        for error in [
            state.look().await.unwrap_err(),
            state.commit("one", "a", "p 1", b"1 second").await.unwrap_err(),
        ] {
            assert!(matches!(error, StateError::Replaced { .. }), "{error:?}");
            assert!(error.to_string().contains(what), "{error}");
        }
        let error = state.load("one", "a").await.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[tokio::test]
async fn an_older_copy_that_is_written_over_the_file_in_place_takes_no_cursor() {
    let (_folder, path, state) = opened().await;
    let older = std::fs::read(&path).unwrap();
    state.commit("one", "a", "p 1", b"1 second").await.unwrap();
    let now = std::fs::read(&path).unwrap();
    assert_eq!(older.len(), now.len(), "its length tells nothing");
    std::fs::write(&path, &older).unwrap();
    for error in [
        state.look().await.unwrap_err(),
        state.commit("one", "a", "p 1", b"1 third").await.unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("written to by somebody else"),
            "{error}"
        );
    }
    std::fs::write(&path, &now).unwrap();
    state.commit("one", "a", "p 1", b"1 third").await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_put_back_is_used_again() {
    let (_folder, path, state) = opened().await;
    let away = path.with_extension("away");
    std::fs::rename(&path, &away).unwrap();
    state.commit("one", "a", "p 1", b"1 second").await.unwrap_err();
    std::fs::rename(&away, &path).unwrap();
    state.commit("one", "a", "p 1", b"1 second").await.unwrap();
    drop(state);
    let state = State::open(&path).unwrap();
    assert_eq!(
        state.load("one", "a").await.unwrap().as_deref(),
        Some(&b"1 second"[..])
    );
}

/// Commits a cursor while somebody does `change` in the midst of it.
async fn commit_during(state: &State, change: impl FnOnce() + Send + 'static) {
    let entry = Sealed {
        source: "one".to_owned(),
        partition: "a".to_owned(),
        envelope: Envelope::seal("one", "a", "p 1", b"1 second"),
    };
    let work = move |database: &Database| {
        change();
        tables::commit(database, &[entry])
    };
    state.with(work).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_moved_during_a_commit_and_put_back_is_used_again() {
    let (_folder, path, state) = opened().await;
    let away = path.with_extension("away");
    let (from, to) = (path.clone(), away.clone());
    commit_during(&state, move || std::fs::rename(from, to).unwrap()).await;
    let error = state.look().await.unwrap_err().to_string();
    assert!(error.contains("removed or moved"), "{error}");
    std::fs::rename(&away, &path).unwrap();
    state.look().await.unwrap();
    assert_eq!(
        state.load("one", "a").await.unwrap().as_deref(),
        Some(&b"1 second"[..])
    );
}

#[tokio::test]
async fn a_file_that_is_replaced_during_a_commit_takes_no_further_cursor() {
    let (_folder, path, state) = opened().await;
    let replaced = path.clone();
    commit_during(&state, move || {
        let copy = replaced.with_extension("copy");
        std::fs::copy(&replaced, &copy).unwrap();
        std::fs::rename(copy, replaced).unwrap();
    })
    .await;
    let error = state.commit("one", "a", "p 1", b"1 third").await.unwrap_err();
    assert!(error.to_string().contains("replaced by another file"), "{error}");
}

#[tokio::test]
async fn where_a_state_file_was_none_is_made_unasked() {
    let (_folder, path, state) = opened().await;
    drop(state);
    std::fs::remove_file(&path).unwrap();
    let error = State::open(&path).unwrap_err();
    assert!(matches!(error, StateError::Missing { .. }), "{error:?}");
    assert!(!path.exists());
    std::fs::remove_file(file::marker(&path)).unwrap();
    let state = State::open(&path).unwrap();
    assert_eq!(state.load("one", "a").await.unwrap(), None);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[tokio::test]
    async fn a_link_is_followed_and_one_that_leads_nowhere_is_refused() {
        let (folder, path, state) = opened().await;
        drop(state);
        let link = folder.path().join("link.redb");
        symlink(&path, &link).unwrap();
        let state = State::open(&link).unwrap();
        assert!(state.load("one", "a").await.unwrap().is_some());
        drop(state);
        std::fs::remove_file(&path).unwrap();
        let error = State::open(&link).unwrap_err();
        assert!(matches!(error, StateError::Dangling { .. }), "{error:?}");
        assert!(link.is_symlink(), "the link was replaced");
    }

    #[test]
    fn a_draft_is_never_written_through_a_link() {
        let (folder, path) = temporary();
        let other = folder.path().join("other");
        std::fs::write(&other, "precious").unwrap();
        symlink(&other, path.with_added_extension("new")).unwrap();
        State::open(&path).unwrap_err();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");
    }

    #[test]
    fn state_is_for_its_owner_only() {
        let (_folder, path) = temporary();
        drop(State::open(&path).unwrap());
        for file in [&path, &file::marker(&path)] {
            let mode = std::fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    }
}
