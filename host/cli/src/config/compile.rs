//! `[compile]` and `[cache]`: what is compiled, what that may take, and where the result is kept.

use std::path::Path;
use std::time::Duration;

use headwater::plugin::{CachePlace, CompileLimits, CompileSettings};

use super::section::{Problems, Section};

/// Less memory than this compiles nothing.
const LEAST_MEMORY: u64 = 64 << 20;

/// The settings of commands without a configuration.
pub fn usual_compile() -> CompileSettings {
    CompileSettings {
        cache: CachePlace::Usual,
        ..CompileSettings::default()
    }
}

pub(super) fn read(root: &Section<'_>, folder: &Path) -> CompileSettings {
    CompileSettings {
        limits: root
            .table("compile")
            .map(|section| read_limits(section, CompileLimits::default()))
            .unwrap_or_default(),
        cache: root
            .table("cache")
            .map_or(CachePlace::Usual, |section| read_cache(section, folder)),
    }
}

/// The settings with other bounds, each a key of `[compile]` and its value: `memory=2GiB`.
///
/// # Errors
///
/// Each problem is a sentence.
pub fn with_bounds(settings: CompileSettings, bounds: &[String]) -> Result<CompileSettings, Vec<String>> {
    let mut table = toml::Table::new();
    for bound in bounds {
        let (key, value) = bound.split_once('=').unwrap_or((bound, ""));
        let value = match value.parse() {
            Ok(number) => toml::Value::Integer(number),
            Err(_) => toml::Value::from(value),
        };
        table.insert(key.trim().to_owned(), value);
    }
    let problems = Problems::default();
    let limits = read_limits(Section::new(&table, "--compile", &problems), settings.limits);
    match problems.into_inner() {
        problems if problems.is_empty() => Ok(CompileSettings { limits, ..settings }),
        problems => Err(problems),
    }
}

fn read_limits(section: Section<'_>, usual: CompileLimits) -> CompileLimits {
    let number = |key, usual: u32| {
        let given = section.number(key, 1..=i64::from(u32::MAX));
        given
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(usual)
    };
    let limits = CompileLimits {
        size: section.size("size").unwrap_or(usual.size),
        functions: number("functions", usual.functions),
        function_size: section.size("function_size").unwrap_or(usual.function_size),
        blocks: number("blocks", usual.blocks),
        nesting: number("nesting", usual.nesting),
        locals: number("locals", usual.locals),
        parts: number("parts", usual.parts),
        code: section.size("code").unwrap_or(usual.code),
        memory: section.size("memory").unwrap_or(usual.memory),
        timeout: section.duration("timeout").unwrap_or(usual.timeout),
    };
    if limits.memory < LEAST_MEMORY {
        section.problem(
            "memory",
            "is too small for any plugin; give at least \"64MiB\", better \"1GiB\"",
        );
    }
    if limits.timeout < Duration::from_secs(1) {
        section.problem(
            "timeout",
            "is too short for any plugin; give at least \"1s\", better \"120s\"",
        );
    }
    section.finish();
    limits
}

fn read_cache(section: Section<'_>, folder: &Path) -> CachePlace {
    let place = match section.value("path") {
        None => CachePlace::Usual,
        Some(toml::Value::Boolean(false)) => CachePlace::Off,
        Some(toml::Value::String(path)) => CachePlace::Folder(folder.join(path)),
        Some(_) => {
            section.problem(
                "path",
                "must be a path (a string in quotes), or false to keep nothing",
            );
            CachePlace::Usual
        }
    };
    section.finish();
    place
}
