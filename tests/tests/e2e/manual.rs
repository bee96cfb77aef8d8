//! What packages ship beside the program.

use std::fs;

use crate::site::{finish, headwater};

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = headwater(folder.path());
    finish(command.args(["manual", "."]).spawn().expect("headwater starts")).exits_with(0);
    for (page, words) in [
        ("headwater.1", "headwater\\-run(1)"),
        ("headwater-run.1", "\\-\\-config"),
        ("headwater-state-reset.1", "\\-\\-partition"),
    ] {
        let text = fs::read_to_string(folder.path().join(page)).unwrap_or_default();
        assert!(text.contains(words), "{page}: {text}");
    }
}

#[test]
fn shells_are_told_every_command() {
    for shell in ["bash", "fish", "zsh"] {
        let mut command = headwater(&std::env::temp_dir());
        let finished = finish(
            command
                .args(["completions", shell])
                .spawn()
                .expect("headwater starts"),
        );
        finished.exits_with(0);
        // Fish writes options without their dashes.
        for word in ["describe", "check", "once", "config"] {
            assert!(finished.stdout.contains(word), "{shell} is not told {word}");
        }
    }
}

#[test]
fn pages_need_a_folder_that_exists() {
    let mut command = headwater(&std::env::temp_dir());
    finish(
        command
            .args(["manual", "no-such-folder"])
            .spawn()
            .expect("headwater starts"),
    )
    .exits_with(2)
    .says("no-such-folder");
}
