//! `[compile]` and `[cache]`: what is compiled, what that may take, and where the result is kept.

use std::path::Path;
use std::time::Duration;

use super::section::Section;
use crate::plugin::{CachePlace, CompileLimits, CompileSettings};

/// Less memory than this compiles nothing.
const LEAST_MEMORY: u64 = 64 << 20;

pub(super) fn read(root: &Section<'_>, folder: &Path) -> CompileSettings {
    CompileSettings {
        limits: root.table("compile").map(read_limits).unwrap_or_default(),
        cache: root
            .table("cache")
            .map(|section| read_cache(section, folder))
            .unwrap_or_default(),
    }
}

fn read_limits(section: Section<'_>) -> CompileLimits {
    let usual = CompileLimits::default();
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
