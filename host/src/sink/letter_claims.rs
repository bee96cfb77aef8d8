//! Replaying dead letters of a database, a part at a time: nobody else replays a part meanwhile, and a part whose replay
//! was interrupted can be replayed again after a while.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::types::Type;

use super::letter_file::PlacedLetter;
use super::letter_table::{LetterTable, placed, row_id};
use crate::cursor::postgres::{Parameter, PostgresError};

/// How long nobody else replays what was claimed: longer than a receiver takes for a part of this size.
pub const CLAIM: Duration = Duration::from_secs(10 * 60);
/// Letters and bytes of a part, as a rule.
const MOST_LETTERS: i64 = 500;
const MOST_BYTES: i64 = 4 << 20;

/// Claims the next events. `last` is the last one that was looked at, whoever has it. Rows that are locked are being
/// claimed.
const NEXT: &str = "WITH measured AS (\
         SELECT id, sum(octet_length(raw)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - octet_length(raw) AS before \
         FROM (SELECT id, raw FROM headwater_dead_letter \
             WHERE cluster = $1 AND source = $2 AND id > $3 AND detail IS NOT NULL \
                 AND ($4::text IS NULL OR event = $4) \
             ORDER BY id LIMIT $5) AS next), \
     free AS (\
         SELECT id FROM headwater_dead_letter \
         WHERE id IN (SELECT id FROM measured WHERE before < $6) \
             AND (replayed_until IS NULL OR replayed_until <= now()) \
         ORDER BY id FOR UPDATE SKIP LOCKED), \
     claimed AS (\
         UPDATE headwater_dead_letter l SET replayer = $7, replayed_until = now() + $8 * interval '1 second' \
         FROM free WHERE l.id = free.id RETURNING l.*) \
     SELECT (SELECT max(id) FROM measured WHERE before < $6) AS last, claimed.*, \
         to_char(claimed.noted AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS kept \
     FROM (SELECT 1) AS one LEFT JOIN claimed ON true ORDER BY claimed.id";

/// What a receiver has goes, also if its claim is over by now; the others are free again.
const SETTLE: &str = "WITH gone AS (DELETE FROM headwater_dead_letter WHERE cluster = $1 AND id = ANY ($2)) \
     UPDATE headwater_dead_letter SET replayer = NULL, replayed_until = NULL \
     WHERE cluster = $1 AND id = ANY ($3) AND replayer = $4";

const LEFT: &str = "SELECT count(*) FILTER (WHERE detail IS NULL) AS no_event, \
         count(*) FILTER (WHERE detail IS NOT NULL AND replayed_until > now()) AS elsewhere \
     FROM headwater_dead_letter WHERE cluster = $1 AND source = $2 AND ($3::text IS NULL OR event = $3)";

/// The replay of a source's letters.
#[derive(Debug)]
pub struct LetterClaims {
    table: LetterTable,
    source: String,
    id: Option<String>,
    /// Letters up to this one have been looked at.
    after: i64,
    claimed: Vec<u64>,
}

/// Letters that a replay did not touch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Untouched {
    /// They hold no event.
    pub no_event: u64,
    /// They are being replayed by somebody else.
    pub elsewhere: u64,
}

impl LetterTable {
    /// Begins to replay a source's letters, or the one with this id.
    pub fn replay(&self, source: &str, id: Option<&str>) -> LetterClaims {
        LetterClaims {
            table: self.clone(),
            source: source.to_owned(),
            id: id.map(str::to_owned),
            after: 0,
            claimed: Vec::new(),
        }
    }
}

impl LetterClaims {
    /// The next part; none when all have been looked at. Each is to be settled before the next one.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn next(&mut self) -> Result<Option<Vec<PlacedLetter>>, PostgresError> {
        let store = self.table.store();
        let seconds = CLAIM.as_secs_f64();
        loop {
            let parameters: [Parameter<'_>; 8] = [
                (&store.cluster(), Type::TEXT),
                (&self.source, Type::TEXT),
                (&self.after, Type::INT8),
                (&self.id, Type::TEXT),
                (&MOST_LETTERS, Type::INT8),
                (&MOST_BYTES, Type::INT8),
                (&store.identity(), Type::TEXT),
                (&seconds, Type::FLOAT8),
            ];
            let rows = store.query(NEXT, &parameters).await?;
            let last = match rows.first() {
                Some(row) => store.column::<Option<i64>>(row, "last")?,
                None => None,
            };
            let Some(last) = last else { return Ok(None) };
            self.after = last;
            let mut letters = Vec::new();
            for row in &rows {
                if store.column::<Option<i64>>(row, "id")?.is_some() {
                    letters.push(placed(store, row)?);
                }
            }
            if !letters.is_empty() {
                self.claimed = letters.iter().map(|letter| letter.place).collect();
                return Ok(Some(letters));
            }
        }
    }

    /// Removes the letters at these places, whose events were accepted, and leaves the others of the part to whoever
    /// wants them.
    ///
    /// # Errors
    ///
    /// The database does not answer: all are still there, and are free after [`CLAIM`].
    pub async fn settle(&mut self, accepted: &BTreeSet<u64>) -> Result<(), PostgresError> {
        let (gone, kept): (Vec<u64>, Vec<u64>) =
            self.claimed.drain(..).partition(|place| accepted.contains(place));
        let rows = |places: Vec<u64>| places.into_iter().map(row_id).collect::<Vec<i64>>();
        let (gone, kept, store) = (rows(gone), rows(kept), self.table.store());
        let parameters: [Parameter<'_>; 4] = [
            (&store.cluster(), Type::TEXT),
            (&gone, Type::INT8_ARRAY),
            (&kept, Type::INT8_ARRAY),
            (&store.identity(), Type::TEXT),
        ];
        store.query(SETTLE, &parameters).await.map(|_| ())
    }

    /// What was left out.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn untouched(&self) -> Result<Untouched, PostgresError> {
        let store = self.table.store();
        let parameters: [Parameter<'_>; 3] = [
            (&store.cluster(), Type::TEXT),
            (&self.source, Type::TEXT),
            (&self.id, Type::TEXT),
        ];
        let rows = store.query(LEFT, &parameters).await?;
        let Some(row) = rows.first() else {
            return Ok(Untouched::default());
        };
        let (no_event, elsewhere): (i64, i64) =
            (store.column(row, "no_event")?, store.column(row, "elsewhere")?);
        Ok(Untouched {
            no_event: no_event.try_into().unwrap_or_default(),
            elsewhere: elsewhere.try_into().unwrap_or_default(),
        })
    }
}
