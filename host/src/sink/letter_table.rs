//! Dead letters in the database of the cursors: any host shows and replays those of every host.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::letter::{Letter, LetterEvent};
use super::letter_count::LetterCount;
use super::letter_file::PlacedLetter;
use crate::cursor::postgres::{Parameter, PostgresError, PostgresStore};
use crate::model::Rejected;

/// Bytes of items in one statement, as a rule: what a slow network carries within the time that a statement has.
const BYTES_AT_ONCE: usize = 4 << 20;

/// What is kept once is not kept again, whichever host does: a batch that is fetched again brings equal items.
const KEEP: &str = "INSERT INTO headwater_dead_letter (cluster, source, partition, event, reason, raw, detail, digest) \
     SELECT $1, $2, $3, item.event, item.reason, item.raw, item.detail, item.digest \
     FROM unnest($4::text[], $5::text[], $6::bytea[], $7::text[], $8::bytea[]) \
         AS item (event, reason, raw, detail, digest) \
     ON CONFLICT (cluster, source, digest) DO NOTHING";

/// The next ones, the oldest first, within so many bytes; one at least.
const PAGE: &str = "SELECT id, source, partition, event, reason, raw, detail, \
         to_char(noted AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS kept \
     FROM (SELECT *, sum(octet_length(raw)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - octet_length(raw) AS before \
         FROM (SELECT * FROM headwater_dead_letter \
             WHERE cluster = $1 AND source = ANY ($2) AND id > $3 AND ($4::text IS NULL OR event = $4) \
             ORDER BY id LIMIT 500) AS next) AS measured \
     WHERE before < $5 ORDER BY id";

const COUNT: &str = "SELECT source, count(*) AS letters, \
         to_char(min(noted) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS oldest \
     FROM headwater_dead_letter WHERE cluster = $1 AND source = ANY ($2) GROUP BY source";

/// The dead letters of a cluster.
#[derive(Debug, Clone)]
pub struct LetterTable(PostgresStore);

/// Items as columns.
#[derive(Debug, Default)]
pub(super) struct Rows {
    events: Vec<Option<String>>,
    reasons: Vec<String>,
    raws: Vec<Vec<u8>>,
    details: Vec<Option<String>>,
    digests: Vec<Vec<u8>>,
}

/// What a row says about the event in it.
#[derive(Serialize, Deserialize)]
struct Detail {
    /// Exactly as the event has it; the column is for people.
    id: String,
    #[serde(flatten)]
    event: LetterEvent,
}

impl LetterTable {
    /// Those in this database.
    pub fn new(store: PostgresStore) -> Self {
        Self(store)
    }

    /// Inserts rows. Those that are there already are not inserted a second time, so this may be repeated after an
    /// error.
    pub(super) async fn insert(
        &self,
        source: &str,
        partition: &str,
        rows: &Rows,
    ) -> Result<(), PostgresError> {
        let parameters: [Parameter<'_>; 8] = [
            (&self.0.cluster(), Type::TEXT),
            (&source, Type::TEXT),
            (&partition, Type::TEXT),
            (&rows.events, Type::TEXT_ARRAY),
            (&rows.reasons, Type::TEXT_ARRAY),
            (&rows.raws, Type::BYTEA_ARRAY),
            (&rows.details, Type::TEXT_ARRAY),
            (&rows.digests, Type::BYTEA_ARRAY),
        ];
        self.0.query(KEEP, &parameters).await.map(|_| ())
    }

    /// The next letters of these sources after a place, the oldest first: a part that fits into memory. Place 0 is before
    /// all.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn page(
        &self,
        sources: &[&str],
        id: Option<&str>,
        after: u64,
    ) -> Result<Vec<PlacedLetter>, PostgresError> {
        let (after, bytes) = (row_id(after), BYTES_AT_ONCE as i64);
        let parameters: [Parameter<'_>; 5] = [
            (&self.0.cluster(), Type::TEXT),
            (&sources, Type::TEXT_ARRAY),
            (&after, Type::INT8),
            (&id, Type::TEXT),
            (&bytes, Type::INT8),
        ];
        let rows = self.0.query(PAGE, &parameters).await?;
        rows.iter().map(|row| placed(&self.0, row)).collect()
    }

    /// How many letters each of these sources has, and when the oldest one was kept.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn count(&self, sources: &[String]) -> Result<Vec<(String, LetterCount)>, PostgresError> {
        let parameters: [Parameter<'_>; 2] = [(&self.0.cluster(), Type::TEXT), (&sources, Type::TEXT_ARRAY)];
        let rows = self.0.query(COUNT, &parameters).await?;
        let mut counts: Vec<_> = sources
            .iter()
            .map(|source| (source.clone(), LetterCount::default()))
            .collect();
        for row in &rows {
            let source: &str = self.0.column(row, "source")?;
            let letters: i64 = self.0.column(row, "letters")?;
            let oldest = self.0.column(row, "oldest")?;
            if let Some((_, count)) = counts.iter_mut().find(|(name, _)| name == source) {
                let letters = letters.try_into().unwrap_or_default();
                *count = LetterCount { letters, oldest };
            }
        }
        Ok(counts)
    }

    /// Where they are.
    pub fn place(&self) -> String {
        self.0.place()
    }

    pub(super) fn store(&self) -> &PostgresStore {
        &self.0
    }
}

/// The letter in a row, and its id there.
pub(super) fn placed(store: &PostgresStore, row: &Row) -> Result<PlacedLetter, PostgresError> {
    let place: i64 = store.column(row, "id")?;
    let detail: Option<&str> = store.column(row, "detail")?;
    // What somebody wrote there by hand is shown, and is no event.
    let detail: Option<Detail> = detail.and_then(|text| serde_json::from_str(text).ok());
    let (id, event) = match detail {
        Some(Detail { id, event }) => (Some(id), Some(event)),
        None => (store.column(row, "event")?, None),
    };
    let mut letter = Letter {
        time: store.column(row, "kept")?,
        source: store.column(row, "source")?,
        partition: store.column(row, "partition")?,
        id,
        reason: store.column(row, "reason")?,
        raw: None,
        raw_base64: None,
        event,
    };
    letter.set_content(store.column(row, "raw")?);
    Ok(PlacedLetter {
        place: place.try_into().unwrap_or_default(),
        letter: Some(letter),
    })
}

/// The id of a row, from a place.
pub(super) fn row_id(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// How many of these items, from the first one on, go into one statement; one at least.
pub(super) fn at_once(items: &[Rejected]) -> usize {
    within(items, BYTES_AT_ONCE)
}

fn within(items: &[Rejected], bytes: usize) -> usize {
    let mut sum = 0;
    let fits = items.iter().take_while(|item| {
        sum += item.size();
        sum <= bytes
    });
    fits.count().max(1)
}

impl Rows {
    /// Takes time in proportion to the size of the items.
    pub(super) fn new(partition: &str, items: Vec<Rejected>) -> Self {
        let mut rows = Self::default();
        for item in items {
            rows.digests.push(digest(partition, &item));
            rows.details.push(detail(&item));
            rows.events.push(item.id.as_deref().map(storable));
            rows.reasons.push(storable(&item.reason));
            rows.raws.push(item.raw);
        }
        rows
    }
}

/// A text as PostgreSQL takes it: it knows no NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn detail(item: &Rejected) -> Option<String> {
    let detail = Detail {
        id: item.id.clone()?,
        event: LetterEvent::new(item.refused.as_deref()?),
    };
    // A struct of texts and numbers is always valid JSON, and JSON text holds no raw NUL.
    Some(serde_json::json!(detail).to_string())
}

fn digest(partition: &str, item: &Rejected) -> Vec<u8> {
    let mut sha256 = Sha256::new();
    let id = item.id.as_deref().unwrap_or_default();
    for part in [partition.as_bytes(), id.as_bytes(), &item.raw] {
        sha256.update((part.len() as u64).to_le_bytes());
        sha256.update(part);
    }
    sha256.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_parted_by_their_bytes_and_a_large_one_goes_alone() {
        let item = |size: usize| Rejected {
            id: None,
            reason: String::new(),
            raw: vec![0; size],
            refused: None,
        };
        for (sizes, count) in [
            (&[1, 1, 1][..], 3),
            (&[60, 40, 1], 2),
            (&[500, 1], 1),
            (&[100, 1], 1),
        ] {
            let items: Vec<Rejected> = sizes.iter().map(|size| item(*size)).collect();
            assert_eq!(within(&items, 100), count, "{sizes:?}");
        }
    }
}
