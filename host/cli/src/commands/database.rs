//! The database of a configuration, for commands.

use headwater::cursor::postgres::{Address, PostgresError, PostgresStore, USUAL_PATIENCE};

use super::Exit;
use crate::config::Config;

/// Opens the database of a configuration, if it names one.
pub(super) async fn open(config: &Config) -> Result<Option<PostgresStore>, Exit> {
    let Some(database) = &config.database else {
        return Ok(None);
    };
    let address = Address::new(database.url.clone()).ca(database.ca.clone());
    let store = PostgresStore::open(address, &database.cluster, USUAL_PATIENCE).await;
    store.map(Some).map_err(Exit::database)
}

impl Exit {
    /// What waiting helps against is told from what a person has to do.
    pub(super) fn database(error: PostgresError) -> Self {
        if error.needs_a_person() {
            Self::misused(error)
        } else {
            Self::failed(error)
        }
    }
}
