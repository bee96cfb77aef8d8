//! Partitions that have another name than in earlier versions of their plugin: reading goes on after the cursor of the old name,
//! once.
//!
//! What was taken over is marked in the store, so that no third name ever goes on there: a source whose configuration names
//! another upstream later finds a former name again, and behind it the position of the first upstream. The mark holds the cursor
//! itself: one commit does both, and a crash right after it loses nothing.

use crate::cursor::{Commit, DynCursorStore, Position, StoreError};

/// How a mark begins. Formats of plugins count from 1.
const MARK: &str = "0 moved to ";

/// Where reading of a partition goes on. `formerly` are its old names, the newest first.
pub(super) async fn position(
    store: &dyn DynCursorStore,
    source: &str,
    plugin: &str,
    id: &str,
    formerly: &[String],
) -> Result<Position, StoreError> {
    // A cursor that was lost is not looked for elsewhere: a person decides.
    let own = store.load(source, id).await?;
    if own != Position::NeverRead {
        return Ok(own);
    }
    for name in formerly {
        match store.load(source, name).await? {
            Position::NeverRead => {}
            Position::Lost(reason) => return Ok(Position::Lost(reason)),
            Position::At(bytes) => match owner(&bytes) {
                Some((taken, cursor)) if taken == id.as_bytes() => {
                    return Ok(Position::At(cursor.to_vec()));
                }
                Some(_) => {}
                None => {
                    let mark = [MARK.as_bytes(), id.as_bytes(), b"\n", &bytes].concat();
                    store.commit(Commit::new(source, name, plugin, &mark)).await?;
                    tracing::info!(
                        formerly = name,
                        "reading goes on after the cursor of its former name"
                    );
                    return Ok(Position::At(bytes));
                }
            },
        }
    }
    Ok(Position::NeverRead)
}

/// Who has taken a cursor over, and the cursor; none for one that nobody has.
fn owner(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(MARK.as_bytes())?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    Some((&rest[..end], &rest[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::MemoryStore;

    async fn ask(store: &MemoryStore, id: &str, formerly: &[&str]) -> Position {
        let formerly: Vec<String> = formerly.iter().map(|name| (*name).to_owned()).collect();
        position(store, "contoso", "feed 1", id, &formerly).await.unwrap()
    }

    async fn commit(store: &MemoryStore, id: &str, cursor: &[u8]) {
        let commit = Commit::new("contoso", id, "feed 1", cursor);
        DynCursorStore::commit(store, commit).await.unwrap();
    }

    #[tokio::test]
    async fn a_former_name_is_followed_once_and_by_one_partition_only() {
        let store = MemoryStore::new();
        commit(&store, "log", b"1 x\n7").await;
        let at = Position::At(b"1 x\n7".to_vec());
        assert_eq!(ask(&store, "logs/a", &["never", "log"]).await, at);
        assert_eq!(
            ask(&store, "logs/a", &["log"]).await,
            at,
            "killed before the first commit"
        );
        assert_eq!(
            ask(&store, "logs/b", &["log"]).await,
            Position::NeverRead,
            "another upstream"
        );
        commit(&store, "logs/a", b"1 x\n9").await;
        assert_eq!(
            ask(&store, "logs/a", &["log"]).await,
            Position::At(b"1 x\n9".to_vec())
        );
    }

    #[tokio::test]
    async fn its_own_cursor_comes_before_former_names() {
        let store = MemoryStore::new();
        commit(&store, "log", b"1 7").await;
        commit(&store, "logs/a", b"1 9").await;
        assert_eq!(
            ask(&store, "logs/a", &["log"]).await,
            Position::At(b"1 9".to_vec())
        );
        assert_eq!(
            ask(&store, "log", &[]).await,
            Position::At(b"1 7".to_vec()),
            "untouched"
        );
    }
}
