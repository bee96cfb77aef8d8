//! What stands in the file: three tables that vouch for each other, each changed in the same transaction.
//!
//! | table | holds |
//! | --- | --- |
//! | `cursors` | source and partition → the sealed cursor ([`Envelope`]) |
//! | `begun` | source and partition → SHA-256 of what is sealed; a row here without a cursor is a cursor that was lost |
//! | `about` | `layout`, the version of this table; `partitions`, the number of rows in each of the others |

use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition, TableError,
};
use sha2::{Digest, Sha256};

use crate::cursor::{Envelope, EnvelopeError};
use crate::redact::printable::printable;

/// Source and partition to envelope.
pub(super) const CURSORS: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("cursors");
/// Source and partition to the digest of its envelope.
pub(super) const BEGUN: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("begun");
/// Facts about the file itself.
pub(super) const ABOUT: TableDefinition<'static, &str, u64> = TableDefinition::new("about");
/// The layout of the tables above. A larger number belongs to a newer host.
pub(super) const LAYOUT: u64 = 2;
/// The layout that had no `begun` and no number of partitions.
const LAYOUT_WITHOUT_BEGUN: u64 = 1;

/// What a look at the whole file has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Every entry is what was stored.
    Sound,
    /// The same, in the layout of an older host.
    Older,
    /// A newer host wrote it.
    Newer,
    /// The file as a whole is not what this host leaves.
    Damaged(String),
    /// These entries are not what was stored.
    Entries(Vec<String>),
}

/// Writes the tables of a new file.
pub(super) fn create(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(CURSORS)?;
    transaction.open_table(BEGUN)?;
    {
        let mut about = transaction.open_table(ABOUT)?;
        about.insert("layout", LAYOUT)?;
        about.insert("partitions", 0)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Looks at every entry, key and value.
pub(super) fn judge(database: &Database) -> Result<Judgement, redb::Error> {
    let transaction = database.begin_read()?;
    let damaged = |reason: &str| Ok(Judgement::Damaged(reason.to_owned()));
    let (layout, partitions) = match optional(transaction.open_table(ABOUT))? {
        None => return damaged("its table `about` is missing"),
        Some(about) => (
            about.get("layout")?.map(|layout| layout.value()),
            about.get("partitions")?.map(|partitions| partitions.value()),
        ),
    };
    match layout {
        None => return damaged("it does not say which layout it has"),
        Some(layout) if layout > LAYOUT => return Ok(Judgement::Newer),
        Some(layout) if layout < LAYOUT_WITHOUT_BEGUN => return damaged("it names an unknown layout"),
        Some(_) => {}
    }
    let Some(cursors) = optional(transaction.open_table(CURSORS))? else {
        return damaged("its table `cursors` is missing");
    };
    let begun = optional(transaction.open_table(BEGUN))?;
    let is_older = layout == Some(LAYOUT_WITHOUT_BEGUN);
    if begun.is_none() && !is_older {
        return damaged("its table `begun` is missing");
    }
    let mut problems = Vec::new();
    for item in cursors.iter()? {
        let (key, value) = item?;
        let (source, partition) = key.value();
        let recorded = begun
            .as_ref()
            .map(|begun| begun.get((source, partition)))
            .transpose()?;
        let recorded = recorded
            .as_ref()
            .map(|found| found.as_ref().map(|digest| digest.value()));
        if let Some(problem) = problem(source, partition, Some(value.value()), recorded) {
            problems.push(problem);
        }
    }
    if let Some(begun) = &begun {
        for item in begun.iter()? {
            let (key, value) = item?;
            let (source, partition) = key.value();
            if cursors.get((source, partition))?.is_none() {
                problems.extend(problem(source, partition, None, Some(Some(value.value()))));
            }
        }
    }
    if !problems.is_empty() {
        return Ok(Judgement::Entries(problems));
    }
    if is_older {
        return Ok(Judgement::Older);
    }
    let held = cursors.len()?;
    Ok(match partitions {
        Some(partitions) if partitions == held => Judgement::Sound,
        Some(partitions) => {
            Judgement::Damaged(format!("it should hold {partitions} cursors and holds {held}"))
        }
        None => Judgement::Damaged("it does not say how many cursors it holds".to_owned()),
    })
}

/// What is wrong with an entry, if anything: `sealed` is its cursor, `recorded` its row in `begun`, where there is that table.
pub(super) fn problem(
    source: &str,
    partition: &str,
    sealed: Option<&[u8]>,
    recorded: Option<Option<&[u8]>>,
) -> Option<String> {
    let what = match inspect(source, partition, sealed, recorded) {
        Ok(_) => return None,
        Err(EnvelopeError::Newer(format)) => format!("a newer headwater stored its cursor (format {format})"),
        Err(EnvelopeError::Missing) => "it had a cursor and has none".to_owned(),
        Err(EnvelopeError::Damaged) => "its cursor is damaged".to_owned(),
    };
    // What is damaged may hold anything, and this goes to terminals.
    let clean = |text: &str| printable(text).into_owned();
    Some(format!(
        "source \"{}\", partition \"{}\": {what}",
        clean(source),
        clean(partition)
    ))
}

/// An entry's envelope, if that is what was stored for it.
pub(super) fn inspect(
    source: &str,
    partition: &str,
    sealed: Option<&[u8]>,
    recorded: Option<Option<&[u8]>>,
) -> Result<Envelope, EnvelopeError> {
    let sealed = sealed.ok_or(EnvelopeError::Missing)?;
    let envelope = Envelope::open(sealed, source, partition)?;
    match recorded {
        None => Ok(envelope),
        Some(Some(digest)) if digest == Sha256::digest(sealed).as_slice() => Ok(envelope),
        Some(_) => Err(EnvelopeError::Damaged),
    }
}

/// Brings a sound file of an older layout to the present one.
pub(super) fn upgrade(database: &Database) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    {
        let cursors = transaction.open_table(CURSORS)?;
        let mut begun = transaction.open_table(BEGUN)?;
        for item in cursors.iter()? {
            let (key, value) = item?;
            begun.insert(key.value(), Sha256::digest(value.value()).as_slice())?;
        }
        let mut about = transaction.open_table(ABOUT)?;
        about.insert("layout", LAYOUT)?;
        about.insert("partitions", cursors.len()?)?;
    }
    transaction.commit()?;
    Ok(())
}

/// The sealed cursor of a partition, with its row in `begun`.
pub(super) type Stored = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Reads one entry.
pub(super) fn load(database: &Database, source: &str, partition: &str) -> Result<Stored, redb::Error> {
    let transaction = database.begin_read()?;
    let cursors = transaction.open_table(CURSORS)?;
    let begun = transaction.open_table(BEGUN)?;
    Ok((
        cursors
            .get((source, partition))?
            .map(|value| value.value().to_vec()),
        begun
            .get((source, partition))?
            .map(|value| value.value().to_vec()),
    ))
}

/// The partitions of a source.
pub(super) fn partitions(database: &Database, source: &str) -> Result<Vec<String>, redb::Error> {
    let cursors = database.begin_read()?.open_table(CURSORS)?;
    let mut partitions = Vec::new();
    for item in cursors.range((source, "")..)? {
        let (key, _) = item?;
        let (of, partition) = key.value();
        if of != source {
            break;
        }
        partitions.push(partition.to_owned());
    }
    Ok(partitions)
}

/// A cursor to be stored.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) source: String,
    pub(super) partition: String,
    pub(super) envelope: Vec<u8>,
}

/// Stores entries, all of them or none; durable when it returns.
pub(super) fn commit(database: &Database, entries: &[Sealed]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    let mut new = 0;
    {
        let mut cursors = transaction.open_table(CURSORS)?;
        let mut begun = transaction.open_table(BEGUN)?;
        for entry in entries {
            let key = (entry.source.as_str(), entry.partition.as_str());
            new += u64::from(put(&mut cursors, &mut begun, key, &entry.envelope)?);
        }
    }
    if new > 0 {
        let mut about = transaction.open_table(ABOUT)?;
        let partitions = about
            .get("partitions")?
            .map_or(0, |partitions| partitions.value());
        about.insert("partitions", partitions + new)?;
    }
    // After a crash the engine undoes a last commit that is damaged. Undone, a later one repeats a batch; the first of a
    // partition would leave it as if it had never begun. Two phases are not undone.
    transaction.set_two_phase_commit(new > 0);
    transaction.commit()?;
    Ok(())
}

/// Puts one entry into both tables; true if it was not there.
fn put(
    cursors: &mut Table<'_, (&'static str, &'static str), &'static [u8]>,
    begun: &mut Table<'_, (&'static str, &'static str), &'static [u8]>,
    key: (&str, &str),
    sealed: &[u8],
) -> Result<bool, redb::Error> {
    begun.insert(key, Sha256::digest(sealed).as_slice())?;
    let is_new = cursors.insert(key, sealed)?.is_none();
    Ok(is_new)
}

/// Removes entries, all of them or none.
pub(super) fn forget(database: &Database, keys: &[(String, String)]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut cursors = transaction.open_table(CURSORS)?;
        let mut begun = transaction.open_table(BEGUN)?;
        for (source, partition) in keys {
            cursors.remove((source.as_str(), partition.as_str()))?;
            begun.remove((source.as_str(), partition.as_str()))?;
        }
        transaction
            .open_table(ABOUT)?
            .insert("partitions", cursors.len()?)?;
    }
    transaction.commit()?;
    Ok(())
}

/// A table, or none where it does not exist.
pub(super) fn optional<T>(table: Result<T, TableError>) -> Result<Option<T>, redb::Error> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
