//! Every entry of a state file, sound or damaged.

use redb::{Database, ReadableDatabase, ReadableTable};

use super::salvage::Salvage;
use super::tables::{self, BEGUN, CURSORS};
use crate::cursor::Entry;

impl Salvage {
    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |key: &(String, String)| {
            let sealed = self.cursors.get(key).map(Vec::as_slice);
            Entry {
                source: key.0.clone(),
                partition: key.1.clone(),
                envelope: tables::inspect(&key.0, &key.1, sealed, self.recorded(key)),
            }
        };
        let mut entries: Vec<Entry> = self.keys().map(entry).collect();
        entries.sort_by(|a, b| (&a.source, &a.partition).cmp(&(&b.source, &b.partition)));
        entries
    }
}

/// Every entry of a sound file.
pub(super) fn entries(database: &Database) -> Result<Vec<Entry>, redb::Error> {
    let transaction = database.begin_read()?;
    let cursors = transaction.open_table(CURSORS)?;
    let begun = transaction.open_table(BEGUN)?;
    let mut entries = Vec::new();
    for item in cursors.iter()? {
        let (key, value) = item?;
        let (source, partition) = key.value();
        let digest = begun.get((source, partition))?;
        let digest = digest.as_ref().map(|digest| digest.value());
        entries.push(Entry {
            source: source.to_owned(),
            partition: partition.to_owned(),
            envelope: tables::inspect(source, partition, Some(value.value()), Some(digest)),
        });
    }
    Ok(entries)
}
