//! Whatever an operator writes into `headwater.toml`, it is read or refused: every problem names a key, nothing panics.
#![no_main]

use std::sync::LazyLock;

use headwater_cli::collector::{Config, ConfigError};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

fuzz_target!(|text: &str| {
    // Patterns are for the file system to answer, which is not what is tried here.
    if text.contains("include") {
        return;
    }
    let path = FOLDER.path().join("headwater.toml");
    std::fs::write(&path, text).expect("the folder can be written");
    match Config::load(&path) {
        Ok(config) => assert!(!config.sources.is_empty()),
        Err(ConfigError::Invalid { problems, .. }) => {
            assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.is_empty()));
        }
        // No TOML, or no text.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
