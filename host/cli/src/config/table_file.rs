//! TOML files.

use std::io;
use std::path::Path;

use headwater::file::small_file::{self, Purpose};
use toml::Table;

use super::ConfigError;

/// The TOML table in a file.
pub(super) fn read_table_of(path: &Path) -> Result<Table, ConfigError> {
    table_in(small_file::read_blocking(path, Purpose::CONFIGURATION), path)
}

/// The TOML table that was read from a file.
pub(super) fn table_in(content: io::Result<Vec<u8>>, path: &Path) -> Result<Table, ConfigError> {
    let text = content
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text")))
        .map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
    parse_table(&text, path)
}

pub(super) fn parse_table(text: &str, path: &Path) -> Result<Table, ConfigError> {
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            line: error
                .span()
                .map_or(1, |span| 1 + text[..span.start].matches('\n').count()),
            message: error.message().to_owned(),
        })
}
