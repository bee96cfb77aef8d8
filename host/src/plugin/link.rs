//! The interfaces a source may import, linked one by one.
//!
//! The same list as the world `source-imports` of the contract; a test holds that. What is not in this file does not exist
//! for a source. Files and sockets are there and lead nowhere: the toolchains of Python, JavaScript and Go import them whether a
//! source uses them or not. There are no preopened folders, and so no descriptor that a call could be made with; no socket is made
//! and no name is looked up, since the store's context (see `sandbox`) allows neither.

use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random, sockets};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView as _};

use crate::sandbox::{self, StoreState};

/// Every interface below, without its version: any 0.2 is served.
const LINKED: [&str; 29] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Whether an import, written as `package/interface@version`, is served.
pub(crate) fn is_linked(import: &str) -> bool {
    import.split_once('@').is_some_and(|(name, version)| {
        LINKED.contains(&name)
            && version
                .strip_prefix("0.2.")
                .is_some_and(|patch| !patch.contains('-'))
    })
}

/// The linker for all plugins of an engine.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<StoreState>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    sandbox::wait::add_to_linker(l)?;
    clocks::wall_clock::add_to_linker::<StoreState, WasiClocks>(l, StoreState::clocks)?;
    clocks::monotonic_clock::add_to_linker::<StoreState, WasiClocks>(l, StoreState::clocks)?;
    random::random::add_to_linker::<StoreState, WasiRandom>(l, StoreState::random)?;
    random::insecure::add_to_linker::<StoreState, WasiRandom>(l, StoreState::random)?;
    random::insecure_seed::add_to_linker::<StoreState, WasiRandom>(l, StoreState::random)?;
    // Rust's standard library imports these; what they show is empty (see `sandbox`).
    cli::environment::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    cli::exit::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    cli::stdin::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    cli::stdout::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    cli::stderr::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    cli::terminal_input::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    cli::terminal_output::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    cli::terminal_stdin::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    cli::terminal_stdout::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    cli::terminal_stderr::add_to_linker::<StoreState, WasiCli>(l, StoreState::cli)?;
    filesystem::types::add_to_linker::<StoreState, WasiFilesystem>(l, StoreState::filesystem)?;
    filesystem::preopens::add_to_linker::<StoreState, WasiFilesystem>(l, StoreState::filesystem)?;
    sockets::instance_network::add_to_linker::<StoreState, WasiSockets>(l, StoreState::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<StoreState, WasiSockets>(l, StoreState::sockets)?;
    let stable = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<StoreState, WasiSockets>(l, &stable, StoreState::sockets)?;
    sockets::tcp::add_to_linker::<StoreState, WasiSockets>(l, StoreState::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<StoreState, WasiSockets>(l, StoreState::sockets)?;
    sockets::udp::add_to_linker::<StoreState, WasiSockets>(l, StoreState::sockets)?;
    sockets::udp_create_socket::add_to_linker::<StoreState, WasiSockets>(l, StoreState::sockets)?;
    sandbox::http::add_to_linker(l)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_lists_what_is_linked() {
        let contract = include_str!("../../wit/source.wit");
        let imports = contract.lines().filter_map(|line| {
            let import = line.trim().strip_prefix("import ")?.strip_suffix("@0.2.0;")?;
            Some(import)
        });
        let mut imports: Vec<&str> = imports.collect();
        imports.sort_unstable();
        assert_eq!(imports, LINKED);
    }

    #[test]
    fn stable_wasi_is_linked_and_the_rest_is_not() {
        for name in [
            "wasi:http/types@0.2.4",
            "wasi:cli/environment@0.2.6",
            "wasi:io/poll@0.2.12",
            "wasi:filesystem/types@0.2.6",
            "wasi:sockets/tcp@0.2.0",
        ] {
            assert!(is_linked(name), "{name}");
        }
        for name in [
            "wasi:filesystem/types@0.3.0",
            "wasi:http/incoming-handler@0.2.4",
            "wasi:http/types@0.3.0",
            "wasi:http/types@0.2.0-rc-2023-11-10",
            "wasi:http/types",
            "wasi:keyvalue/store@0.2.0",
            "",
        ] {
            assert!(!is_linked(name), "{name}");
        }
    }
}
