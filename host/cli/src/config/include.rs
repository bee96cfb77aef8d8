//! `include`: further files, which hold `[[source]]` tables and nothing else.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use glob::{Pattern, PatternError};
use headwater::file::identity;
use toml::Table;

use super::found::{Asking, Found};
use super::section::{Problems, Section};
use super::{ConfigError, RefusedSource};

/// What the patterns of a configuration lead to.
#[derive(Debug, Default)]
pub(super) struct Included {
    /// The files that can be read, each once, in the order of their patterns.
    pub(super) files: Vec<IncludedFile>,
    /// Patterns and files that are of no use.
    pub(super) broken: Vec<RefusedSource>,
    /// The patterns, from the root of the file system.
    pub(super) patterns: Vec<Pattern>,
}

/// A file with sources.
#[derive(Debug)]
pub(super) struct IncludedFile {
    /// What it is called in messages: its path from the folder of the configuration.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) table: Table,
}

/// Reads all files that `include` names. What is wrong with one of them does not concern the sources of the others.
pub(super) fn read(root: &Section<'_>, config: &Path, folder: &Path) -> Included {
    read_by(Asking::SYSTEM, root, config, folder)
}

fn read_by(asking: Asking, root: &Section<'_>, config: &Path, folder: &Path) -> Included {
    let mut included = Included::default();
    let not_a_pattern = |text: &str, error: &PatternError| {
        root.problem(
            "include",
            format_args!(
                "\"{text}\" is not a pattern of file names ({error}); write for example \"tenants/*.toml\""
            ),
        );
    };
    let mut wanted = Vec::new();
    for text in root.texts("include") {
        let whole = if Path::new(&text).is_absolute() {
            text.clone()
        } else {
            format!("{}/{text}", Pattern::escape(&folder.display().to_string()))
        };
        match Pattern::new(&whole) {
            Ok(pattern) => {
                included.patterns.push(pattern);
                wanted.push((text, PathBuf::from(whole)));
            }
            Err(error) => not_a_pattern(&text, &error),
        }
    }
    if wanted.is_empty() {
        return included;
    }
    let (listings, unlisted) = asking.list_all(wanted.iter().map(|(_, whole)| whole.clone()));
    let matched = listings.values().flatten().flatten().flatten();
    let (mut found, unread) = asking.look_all(matched.cloned());
    let itself = identity::of_all([config]).remove(config);
    let (mut named, mut seen) = (HashSet::new(), HashSet::new());
    for (text, whole) in &wanted {
        let listing = match listings.get(whole) {
            Some(Ok(listing)) => listing,
            Some(Err(error)) => {
                not_a_pattern(text, error);
                continue;
            }
            None => {
                included.refuse(text, format_args!("include: cannot list \"{text}\": {unlisted}"));
                continue;
            }
        };
        let mut matches = 0;
        for entry in listing {
            let path = match entry {
                Ok(path) => path,
                Err(problem) => {
                    matches += 1;
                    included.refuse(text, format_args!("include: {problem}"));
                    continue;
                }
            };
            if matches!(found.get(path), Some(Found::Folder)) {
                continue;
            }
            matches += 1;
            if !named.insert(path) {
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
            match found.remove(path) {
                Some(Found::File(identity, _)) if Some(&identity) == itself.as_ref() => {
                    let problem = format_args!(
                        "include: \"{text}\" leads back to the configuration itself; use a pattern that leaves it out"
                    );
                    included.refuse(&name, problem);
                }
                Some(Found::File(identity, table)) => {
                    if seen.insert(identity) {
                        included.add(name, path.clone(), table);
                    }
                }
                Some(Found::Folder) => {}
                None => {
                    let problem = format_args!("cannot read the configuration {}: {unread}", path.display());
                    included.refuse(&name, problem);
                }
            }
        }
        if matches == 0 {
            let problem =
                format_args!("include: \"{text}\" matches no file; create one, or remove the pattern");
            included.refuse(text, problem);
        }
    }
    included
}

impl Included {
    fn add(&mut self, name: String, path: PathBuf, table: Result<Table, ConfigError>) {
        let table = match table {
            Ok(table) => table,
            Err(error) => return self.refuse(&name, error),
        };
        let problems = Problems::default();
        for key in table.keys().filter(|key| *key != "source") {
            let problem = match key.as_str() {
                "include" => "an included file cannot include others; list them in the main configuration",
                _ => {
                    "is not allowed in an included file, which holds [[source]] tables only; move it into the main configuration"
                }
            };
            problems.add(&format!("{name}: {key}"), problem);
        }
        let sources = table
            .get("source")
            .map(|sources| sources.as_array().cloned().unwrap_or_default());
        match sources.as_deref() {
            // As good as nothing: a file that is being written is empty for a moment, and its tenant is not to go.
            None => problems.add(
                &format!("{name}: source"),
                "missing; add a [[source]], or remove the file",
            ),
            Some(tables) if tables.is_empty() || tables.iter().any(|table| !table.is_table()) => {
                problems.add(
                    &format!("{name}: source"),
                    "must be a list of tables; write [[source]] above each",
                );
            }
            Some(_) => {}
        }
        let problems = problems.into_inner();
        if problems.is_empty() {
            self.files.push(IncludedFile { name, path, table });
        } else {
            self.broken.push(RefusedSource {
                name: format!("({name})"),
                problems,
            });
        }
    }

    fn refuse(&mut self, name: &str, problem: impl std::fmt::Display) {
        self.broken.push(RefusedSource {
            name: format!("({name})"),
            problems: vec![problem.to_string()],
        });
    }
}

#[cfg(test)]
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "a test may wait")]
mod tests {
    use std::time::{Duration, Instant};

    use headwater::file::identity::FileIdentity;

    use super::super::found::{Listing, Look};
    use super::*;

    /// Pipes that nobody writes to keep their readers for ever.
    fn look(path: &Path) -> Look {
        if path.is_dir() {
            return Look::Folder;
        }
        Look::File(FileIdentity::by_name(path), std::fs::read(path))
    }

    fn list(pattern: &Path) -> Listing {
        if pattern.ends_with("hung/*.toml") {
            std::thread::sleep(Duration::from_secs(3_600));
        }
        (Asking::SYSTEM.list)(pattern)
    }

    const HANGING: Asking = Asking {
        list,
        look,
        patience: Duration::from_secs(2),
        each: Duration::ZERO,
    };

    fn read_from(asking: Asking, folder: &Path, patterns: &str) -> (Included, Vec<String>, Duration) {
        let table = format!("include = [{patterns}]").parse().unwrap();
        let problems = Problems::default();
        let began = Instant::now();
        let root = Section::new(&table, "", &problems);
        let included = read_by(asking, &root, &folder.join("headwater.toml"), folder);
        (included, problems.into_inner(), began.elapsed())
    }

    fn pipe(folder: &Path, name: &str) {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join(name))
            .status();
        assert!(made.is_ok_and(|status| status.success()));
    }

    fn good(folder: &Path, name: &str) {
        std::fs::write(folder.join(name), "[[source]]\nname = \"good\"").unwrap();
    }

    fn names(files: &[IncludedFile]) -> Vec<&str> {
        files.iter().map(|file| file.name.as_str()).collect()
    }

    #[test]
    fn twenty_files_that_hang_delay_no_longer_than_one_and_the_others_are_read() {
        for count in [1, 20] {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            // Around the good ones in the order of names.
            (0..count).for_each(|number| pipe(folder, &format!("m{number:02}.toml")));
            good(folder, "a.toml");
            good(folder, "z.toml");
            let (included, problems, took) = read_from(HANGING, folder, "\"*.toml\"");
            assert!(problems.is_empty(), "{problems:?}");
            assert_eq!(names(&included.files), ["a.toml", "z.toml"]);
            assert_eq!(included.broken.len(), count);
            for (number, row) in included.broken.iter().enumerate() {
                assert_eq!(row.name, format!("(m{number:02}.toml)"));
                assert!(row.problems[0].contains("did not answer within 2s"), "{row:?}");
            }
            assert!(
                took >= HANGING.patience && took < 2 * HANGING.patience,
                "{took:?}"
            );
        }
    }

    #[test]
    fn a_folder_that_hangs_is_a_row_and_its_neighbours_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        good(folder, "a.toml");
        let patterns = "\"hung/*.toml\", \"*.toml\"";
        let (included, problems, took) = read_from(HANGING, folder, patterns);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(names(&included.files), ["a.toml"]);
        assert_eq!(included.broken.len(), 1);
        assert_eq!(included.broken[0].name, "(hung/*.toml)");
        let problem = &included.broken[0].problems[0];
        assert!(problem.contains("did not answer within 2s"), "{problem}");
        assert_eq!(included.patterns.len(), 2, "both are watched");
        assert!(took < 2 * HANGING.patience, "{took:?}");
        // While it hangs it is not asked again, so that no reload adds a thread or waits.
        let (again, _, took) = read_from(HANGING, folder, patterns);
        assert_eq!((names(&again.files), again.broken.len()), (vec!["a.toml"], 1));
        assert!(took < HANGING.patience, "{took:?}");
    }

    #[test]
    fn ten_thousand_files_are_read_in_a_moment_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        (0..10_000).for_each(|number| good(folder, &format!("{number:05}.toml")));
        let (included, _, took) = read_from(Asking::SYSTEM, folder, "\"*.toml\"");
        assert!(included.broken.is_empty(), "{:?}", included.broken.first());
        let expected: Vec<String> = (0..10_000).map(|number| format!("{number:05}.toml")).collect();
        assert_eq!(names(&included.files), expected);
        assert!(took < Duration::from_secs(30), "{took:?}");
    }
}
