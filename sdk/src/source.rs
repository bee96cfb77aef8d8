//! What a source says and does, less all that is the same for every source.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::description::Description;
use crate::failure::Failure;
use crate::page::{Page, Partition};
use crate::planning::Planning;
use crate::token::Token;

/// What every source says of itself. How it is read is a trait of its own: [`PagedSource`], or
/// [`TimedSource`](crate::TimedSource).
pub trait Source {
    /// The configuration. What its [`Description`] says about it has been checked when it is read.
    type Config: DeserializeOwned;

    /// The version of the cursor. Another one makes older cursors unreadable: raise it only with a way to read them.
    const CURSOR_FORMAT: u32 = 1;

    /// What the source is, and the keys of its configuration.
    fn describe() -> Description;

    /// Looks at a configuration beyond its keys: names origins that no key of kind `url` holds, and notes issues. Offline.
    fn plan(config: &Self::Config, planning: &mut Planning) {
        let _ = (config, planning);
    }

    /// Logs in. The token is kept between calls and sent with each [`Call::get`]; it is asked for again when its life is over or it
    /// is refused. None for an upstream without a login.
    ///
    /// # Errors
    ///
    /// Why there is no token.
    fn login(config: &Self::Config, call: &mut Call<'_>) -> Result<Option<Token>, Failure> {
        let _ = (config, call);
        Ok(None)
    }

    /// Finds the partitions.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    fn partitions(config: &Self::Config, call: &mut Call<'_>) -> Result<Vec<Partition>, Failure>;
}

/// A source whose upstream has positions that are safe to go on from. [`export!`](crate::export) makes a component of it.
pub trait PagedSource: Source {
    /// Where reading goes on. A position that can be written as JSON and read again; it becomes the cursor.
    type Position: Serialize + DeserializeOwned + PartialEq;

    /// Reads one page of what comes after a position; none stands for the beginning. It is called again until the page says that
    /// there is no more, the batch is full, or the time is over.
    ///
    /// # Errors
    ///
    /// Why it cannot be read. What earlier pages of the same call have brought is delivered all the same.
    fn read(
        config: &Self::Config,
        call: &mut Call<'_>,
        partition: &str,
        after: Option<&Self::Position>,
    ) -> Result<Page<Self::Position>, Failure>;
}
