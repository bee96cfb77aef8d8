//! A look at a component file before anything is compiled: what it wants, what it offers, and whether compiling it is
//! bounded.
//!
//! Compiling takes far more than reading: a megabyte made for it takes gigabytes and minutes. All that is counted here is
//! counted in one pass over the file, without an allocation that grows with it.

use std::time::Duration;

use thiserror::Error;
use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

/// Native code of a plugin with an interpreter and its libraries is some tens of megabytes.
const LARGEST_CODE: u64 = 256 << 20;

/// `[compile]`: what a component may be, and what compiling it may take. Each bound is far above what compilers leave,
/// interpreters that were compiled to WebAssembly included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of the file.
    pub size: u64,
    /// Functions, all modules together.
    pub functions: u32,
    /// Bytes of one function.
    pub function_size: u64,
    /// Blocks, loops and conditions of one function.
    pub blocks: u32,
    /// How deep they lie in each other.
    pub nesting: u32,
    /// Local variables of one function.
    pub locals: u32,
    /// Of everything else that there are many of, each: modules, components, instances, types, tables, segments and so on.
    pub parts: u32,
    /// Bytes of what is made of it: native code and the contents of its memories, which stay in memory while it is loaded.
    pub code: u64,
    /// Bytes of memory that the compiler may take.
    pub memory: u64,
    /// Time that the compiler may take.
    pub timeout: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            size: 64 << 20,
            functions: 50_000,
            function_size: 1 << 20,
            blocks: 30_000,
            nesting: 2_000,
            locals: 10_000,
            parts: 50_000,
            code: LARGEST_CODE,
            memory: 1 << 30,
            timeout: Duration::from_secs(120),
        }
    }
}

/// Which bound a component exceeds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}: {found}, at most {bound} are compiled; if you trust it, raise `compile.{key}`")]
pub struct Excess {
    /// What there is too much of.
    pub what: &'static str,
    /// How much, or when counting stopped.
    pub found: u64,
    /// How much there may be.
    pub bound: u64,
    /// The key that raises it.
    pub key: &'static str,
}

impl Excess {
    /// Of native code, which stays in memory like everything that has a bound.
    pub(super) fn of_code(found: u64, bound: u64) -> Self {
        Self {
            what: "bytes of native code",
            found,
            bound,
            key: "code",
        }
    }
}

/// Why a file is not compiled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum AuditError {
    /// It is not WebAssembly to its end.
    #[error("{0}")]
    Malformed(String),
    /// It has too much of something.
    #[error(transparent)]
    Excess(#[from] Excess),
}

impl From<BinaryReaderError> for AuditError {
    fn from(error: BinaryReaderError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// What a component wants and offers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Interfaces {
    /// Names of its imports, with versions.
    pub(crate) imports: Vec<String>,
    /// Names of its exports, with versions.
    pub(crate) exports: Vec<String>,
}

/// Counts everything.
pub(crate) fn audit(bytes: &[u8], limits: &CompileLimits) -> Result<Interfaces, AuditError> {
    let mut interfaces = Interfaces::default();
    let mut counts = Counts::new(limits);
    let mut depth = 0_u64;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } => {
                counts.part("modules", 1)?;
                depth += 1;
            }
            Payload::ComponentSection { .. } => {
                counts.part("components inside it", 1)?;
                depth += 1;
                check("components in components", depth, limits.nesting, "nesting")?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) => {
                counts.part("imports", section.count())?;
                for import in section.into_iter().filter(|_| depth == 0) {
                    interfaces.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                counts.part("exports", section.count())?;
                for export in section.into_iter().filter(|_| depth == 0) {
                    interfaces.exports.push(export?.name.name.to_owned());
                }
            }
            Payload::InstanceSection(section) => counts.part("instances", section.count())?,
            Payload::ComponentInstanceSection(section) => {
                counts.part("instances of components", section.count())?;
            }
            Payload::TypeSection(section) => counts.part("types", section.count())?,
            Payload::CoreTypeSection(section) => counts.part("core types", section.count())?,
            Payload::ComponentTypeSection(section) => counts.part("component types", section.count())?,
            Payload::ComponentAliasSection(section) => counts.part("aliases", section.count())?,
            Payload::ComponentCanonicalSection(section) => {
                counts.part("canonical functions", section.count())?;
            }
            Payload::ImportSection(section) => counts.part("imports of modules", section.count())?,
            Payload::ExportSection(section) => counts.part("exports of modules", section.count())?,
            Payload::TableSection(section) => counts.part("tables", section.count())?,
            Payload::MemorySection(section) => counts.part("memories", section.count())?,
            Payload::GlobalSection(section) => counts.part("globals", section.count())?,
            Payload::TagSection(section) => counts.part("tags", section.count())?,
            Payload::ElementSection(section) => counts.part("element segments", section.count())?,
            Payload::DataSection(section) => counts.part("data segments", section.count())?,
            Payload::CustomSection(_) => counts.part("custom sections", 1)?,
            Payload::FunctionSection(section) => counts.functions(section.count())?,
            Payload::CodeSectionEntry(body) => look_into(&body, limits)?,
            _ => {}
        }
    }
    Ok(interfaces)
}

/// Sums over the whole file.
struct Counts<'a> {
    limits: &'a CompileLimits,
    functions: u64,
    /// Few names, so that a search costs nothing.
    parts: Vec<(&'static str, u64)>,
}

impl<'a> Counts<'a> {
    fn new(limits: &'a CompileLimits) -> Self {
        Self {
            limits,
            functions: 0,
            parts: Vec::new(),
        }
    }

    fn functions(&mut self, more: u32) -> Result<(), Excess> {
        self.functions += u64::from(more);
        check("functions", self.functions, self.limits.functions, "functions")
    }

    fn part(&mut self, what: &'static str, more: u32) -> Result<(), Excess> {
        let known = self.parts.iter().position(|(name, _)| *name == what);
        let at = known.unwrap_or_else(|| {
            self.parts.push((what, 0));
            self.parts.len() - 1
        });
        self.parts[at].1 += u64::from(more);
        check(what, self.parts[at].1, self.limits.parts, "parts")
    }
}

fn check(what: &'static str, found: u64, bound: impl Into<u64>, key: &'static str) -> Result<(), Excess> {
    let bound = bound.into();
    if found <= bound {
        return Ok(());
    }
    Err(Excess {
        what,
        found,
        bound,
        key,
    })
}

/// Judges one function.
fn look_into(body: &FunctionBody<'_>, limits: &CompileLimits) -> Result<(), AuditError> {
    check(
        "bytes of a function",
        body.as_bytes().len() as u64,
        limits.function_size,
        "function_size",
    )?;
    let mut locals = 0;
    for group in body.get_locals_reader()? {
        locals += u64::from(group?.0);
        check("local variables of a function", locals, limits.locals, "locals")?;
    }
    let (mut blocks, mut depth) = (0_u64, 0_u64);
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => {
                blocks += 1;
                depth += 1;
                check("blocks in blocks of a function", depth, limits.nesting, "nesting")?;
                check("blocks of a function", blocks, limits.blocks, "blocks")?;
            }
            Operator::End => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        audit(&wat::parse_str(text).unwrap(), &CompileLimits::default())
            .unwrap_err()
            .to_string()
    }

    fn of_function(body: &str) -> String {
        refusal(&format!("(component (core module (func {body})))"))
    }

    #[test]
    fn what_compilers_choke_on_is_refused_with_the_key_that_raises_the_bound() {
        let deep = format!("{}{}", "(block ".repeat(20_000), ")".repeat(20_000));
        assert_eq!(
            of_function(&deep),
            "blocks in blocks of a function: 2001, at most 2000 are compiled; if you trust it, raise `compile.nesting`"
        );
        let cases = [
            (of_function(&"(loop)".repeat(100_000)), "compile.blocks"),
            (
                of_function(&"(if (i32.const 0) (then))".repeat(100_000)),
                "compile.blocks",
            ),
            (
                of_function(&format!("(local {})", "i64 ".repeat(20_000))),
                "compile.locals",
            ),
            (
                of_function(&"(drop (i64.const 1))".repeat(500_000)),
                "compile.function_size",
            ),
            (
                refusal(&format!("(component (core module {}))", "(func)".repeat(100_000))),
                "compile.functions",
            ),
            (
                // In two modules and a component: it is the sum that counts.
                refusal(&format!(
                    "(component (core module {half}) (component (core module {half})))",
                    half = "(func)".repeat(30_000)
                )),
                "compile.functions",
            ),
            (
                refusal(&format!("(component {})", "(core module)".repeat(60_000))),
                "compile.parts",
            ),
            (
                refusal(&format!(
                    "(component (core module {}))",
                    "(type (func))".repeat(60_000)
                )),
                "compile.parts",
            ),
            (
                refusal(&format!(
                    "(component (core module {}))",
                    "(global i32 (i32.const 0))".repeat(60_000)
                )),
                "compile.parts",
            ),
        ];
        for (message, key) in cases {
            assert!(message.contains(&format!("raise `{key}`")), "{key}: {message}");
        }
    }

    #[test]
    fn only_the_outermost_component_speaks_for_itself() {
        let text = r#"(component
            (import "acme:kv/store@1.0.0" (instance))
            (component (import "inner" (func)) (export "inner-too" (func 0)))
            (export "acme:kv/out@1.0.0" (instance 0)))"#;
        let found = audit(&wat::parse_str(text).unwrap(), &CompileLimits::default()).unwrap();
        assert_eq!(found.imports, ["acme:kv/store@1.0.0"]);
        assert_eq!(found.exports, ["acme:kv/out@1.0.0"]);
    }

    #[test]
    fn a_file_that_ends_too_early_is_malformed() {
        let whole = wat::parse_str("(component (core module (func (result i32) (i32.const 7))))").unwrap();
        for end in 9..whole.len() {
            let audited = audit(&whole[..end], &CompileLimits::default());
            assert!(
                matches!(audited, Ok(_) | Err(AuditError::Malformed(_))),
                "{end}: {audited:?}"
            );
        }
    }
}
