//! How many files and connections this process may have open.

use tracing::debug;

/// Raises the limit as far as the system allows without asking. The limit that processes start with, often 1,024, is
/// meant for programs that could not cope with more; a thousand tenants have a file and connections each.
pub(crate) fn allow_many() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => debug!(limit, "open files"),
        Err(error) => debug!(%error, "the limit of open files stays as it is"),
    }
}
