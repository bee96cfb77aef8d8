//! Why a file cannot be used as a plugin.

use std::path::PathBuf;

use thiserror::Error;

use super::audit::Excess;

/// Why a file cannot be used as a plugin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The file cannot be read.
    #[error("cannot read the plugin {}: {source}; check `plugin`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{} is not a WebAssembly component but {found}; build it for the target wasm32-wasip2", path.display())]
    NoComponent {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: &'static str,
    },
    /// The file is not the one that the operator pinned.
    #[error(
        "{} has the digest sha256:{actual}, but sha256:{pinned} is pinned; restore the pinned file, or change `digest` \
         if you trust the new one", path.display()
    )]
    WrongDigest {
        /// The file.
        path: PathBuf,
        /// What the operator pinned.
        pinned: String,
        /// What the file has.
        actual: String,
    },
    /// The component wants what no source gets.
    #[error(
        "{} imports {}, which no source is given: a source has stable WASI 0.2 (HTTP to granted origins, clocks, random \
         numbers; files and sockets that lead nowhere) and nothing else; build it without them, as the world \
         `source-imports` of the contract lists them", path.display(), imports.join(", ")
    )]
    ForbiddenImports {
        /// The file.
        path: PathBuf,
        /// The interfaces that are not linked.
        imports: Vec<String>,
    },
    /// The component does not fulfil the contract.
    #[error("{} is not a source for this host: {problem}", path.display())]
    WrongWorld {
        /// The file.
        path: PathBuf,
        /// What is missing, and which versions are involved.
        problem: String,
    },
    /// The component is larger than what is compiled.
    #[error("{} is not compiled: it exceeds a bound for {excess}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        excess: Excess,
    },
    /// Compiling it was stopped.
    #[error("{} is not compiled: {reason}", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
        /// The bound, and the key that raises it.
        reason: String,
    },
    /// It cannot be compiled at present: the system has too little memory, too few processes or open files for a process that
    /// compiles it. Loading it again later may work.
    #[error(
        "{} cannot be compiled at present: cannot start the process that compiles it, or its threads: {reason}; check the memory and the limits \
         of processes and open files of this host", path.display()
    )]
    NotNow {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The process that compiled it was killed, as the system does where memory is short. Loading it again later may work.
    #[error(
        "{} cannot be compiled at present: the process that compiles it was killed, as the system does where memory is short; give \
         this host more memory, or lower `compile.memory` so that a plugin that takes too much is refused", path.display()
    )]
    Killed {
        /// The file.
        path: PathBuf,
    },
    /// The component is made of more than one instance of it may take.
    #[error(
        "{} is not run: {reason}; this host runs components of at most {} core instances, {} memories and {} tables: build it \
         of fewer modules", path.display(), crate::sandbox::INSTANCES, crate::sandbox::MEMORIES, crate::sandbox::TABLES
    )]
    TooManyParts {
        /// The file.
        path: PathBuf,
        /// Which bound it exceeds.
        reason: String,
    },
    /// The component cannot be compiled or linked.
    #[error("cannot compile the plugin {}: {reason}; the file may be damaged", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The engine's reason.
        reason: String,
    },
}
