//! The tables: made where there are none, brought to this version where they are older, and judged before anything is done.

use tokio_postgres::Row;
use tracing::info;

use super::error::PostgresError;
use super::pool::{Lane, Pool};

/// What makes the tables of the first schema, and what brings each schema to the next, in order. A host of version N
/// carries out the scripts after the one that the database has. Every script is one transaction, takes the same lock, and can be
/// repeated, so that several hosts may do it at once.
const SCRIPTS: [&str; 2] = [include_str!("schema.sql"), include_str!("schema_2.sql")];

/// The schema that this version uses.
const VERSION: i32 = SCRIPTS.len() as i32;

const LOOK: &str = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS read_only, \
     to_regclass('headwater_schema') IS NOT NULL AS has_tables, current_setting('server_encoding') AS encoding";

/// Encodings that take every text. Others would refuse the one dead letter that has a character which they lack, for ever.
const ENCODINGS: [&str; 2] = ["UTF8", "SQL_ASCII"];

const FIND_VERSION: &str = "SELECT version FROM headwater_schema";

/// The rights that are used later, so that a missing one is named at the start.
const RIGHTS: &str = "SELECT format('%s on %s', wanted.right_name, wanted.table_name) AS missing FROM (VALUES \
     ('headwater_source', 'SELECT'), ('headwater_source', 'INSERT'), ('headwater_source', 'UPDATE'), \
     ('headwater_source', 'DELETE'), ('headwater_cursor', 'SELECT'), ('headwater_cursor', 'INSERT'), \
     ('headwater_cursor', 'UPDATE'), ('headwater_cursor', 'DELETE'), ('headwater_partition', 'SELECT'), \
     ('headwater_partition', 'INSERT'), ('headwater_partition', 'DELETE'), ('headwater_dead_letter', 'SELECT'), \
     ('headwater_dead_letter', 'INSERT'), ('headwater_dead_letter', 'UPDATE'), ('headwater_dead_letter', 'DELETE'), \
     ('headwater_host', 'SELECT'), \
     ('headwater_host', 'INSERT'), ('headwater_host', 'UPDATE'), ('headwater_host', 'DELETE')) \
     AS wanted (table_name, right_name) \
     WHERE NOT has_table_privilege(wanted.table_name, wanted.right_name)";

/// The SQL that makes the tables, for an owner who gives the host no right to.
pub fn schema_sql() -> String {
    SCRIPTS.concat()
}

/// Makes or upgrades the tables, and judges them.
pub(super) async fn prepare(pool: &Pool) -> Result<(), PostgresError> {
    let row = one(pool, LOOK).await?;
    if get(pool, &row, "read_only")? {
        return Err(PostgresError::ReadOnly { place: pool.place() });
    }
    let encoding: String = get(pool, &row, "encoding")?;
    if !ENCODINGS.contains(&encoding.as_str()) {
        return Err(PostgresError::Encoding {
            place: pool.place(),
            found: encoding,
        });
    }
    let found = match get(pool, &row, "has_tables")? {
        true => version(pool).await?,
        false => 0,
    };
    if found > VERSION {
        return Err(PostgresError::NewerSchema {
            place: pool.place(),
            found,
            known: VERSION,
        });
    }
    let done = usize::try_from(found).unwrap_or_default();
    for script in &SCRIPTS[done..] {
        pool.run_script(script).await?;
    }
    if found < VERSION {
        let found = version(pool).await?;
        info!(schema = found, database = pool.place(), "the tables are ready");
    }
    let missing = pool.query(Lane::Work, RIGHTS, &[]).await?;
    let missing: Result<Vec<String>, _> = missing.iter().map(|row| get(pool, row, "missing")).collect();
    let missing = missing?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(PostgresError::MissingRight {
        place: pool.place(),
        reason: missing.join(", "),
    })
}

async fn version(pool: &Pool) -> Result<i32, PostgresError> {
    let row = one(pool, FIND_VERSION).await?;
    match get(pool, &row, "version")? {
        found if found >= 1 => Ok(found),
        found => Err(PostgresError::ForeignSchema {
            place: pool.place(),
            reason: format!("headwater_schema has the version {found}, which is unknown"),
        }),
    }
}

async fn one(pool: &Pool, statement: &str) -> Result<Row, PostgresError> {
    let rows = pool.query(Lane::Work, statement, &[]).await?;
    rows.into_iter()
        .next()
        .ok_or_else(|| PostgresError::ForeignSchema {
            place: pool.place(),
            reason: "headwater_schema is empty".to_owned(),
        })
}

/// A column of a row, which has the type that the statement gives it.
pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    pool: &Pool,
    row: &'a Row,
    column: &str,
) -> Result<T, PostgresError> {
    row.try_get(column)
        .map_err(|error| PostgresError::from_driver(&pool.place(), &error))
}
