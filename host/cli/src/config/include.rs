//! `include`: further files, which hold `[[source]]` tables and nothing else.

#![expect(
    clippy::disallowed_methods,
    reason = "a configuration is read where waiting is allowed, as the file itself is"
)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use headwater::file::identity::FileIdentity;
use toml::Table;

use super::RefusedSource;
use super::section::{Problems, Section};
use super::table_file::read_table_of;

/// A file whose name begins with a dot is an editor's, or hidden on purpose: no `*` means it.
pub const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

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
    let mut included = Included::default();
    let mut seen = HashSet::new();
    let itself = FileIdentity::of(config);
    for text in root.texts("include") {
        let whole = format!("{}/{text}", Pattern::escape(&folder.display().to_string()));
        let whole = if Path::new(&text).is_absolute() {
            text.clone()
        } else {
            whole
        };
        let (pattern, found) = match (Pattern::new(&whole), glob::glob_with(&whole, MATCHING)) {
            (Ok(pattern), Ok(found)) => (pattern, found),
            (Err(error), _) | (_, Err(error)) => {
                root.problem(
                    "include",
                    format_args!("\"{text}\" is not a pattern of file names ({error}); write for example \"tenants/*.toml\""),
                );
                continue;
            }
        };
        included.patterns.push(pattern);
        let mut matches = 0;
        for entry in found {
            let path = match entry {
                Ok(path) => path,
                Err(error) => {
                    matches += 1;
                    let problem = format_args!(
                        "cannot look into {}: {}; check its permissions",
                        error.path().display(),
                        error.error()
                    );
                    included.refuse(&text, format_args!("include: {problem}"));
                    continue;
                }
            };
            if path.is_dir() {
                continue;
            }
            matches += 1;
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            let identity = FileIdentity::of(&path);
            if identity == itself {
                let problem = format_args!(
                    "include: \"{text}\" leads back to the configuration itself; use a pattern that leaves it out"
                );
                included.refuse(&name, problem);
            } else if seen.insert(identity) {
                included.add(name, path);
            }
        }
        if matches == 0 {
            let problem =
                format_args!("include: \"{text}\" matches no file; create one, or remove the pattern");
            included.refuse(&text, problem);
        }
    }
    included
}

impl Included {
    fn add(&mut self, name: String, path: PathBuf) {
        let table = match read_table_of(&path) {
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
