//! `headwater init`: writes a first configuration.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, which is not a worker"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use headwater::work::machine_memory::usual_memory;

use super::{Exit, host, print};
use crate::config::usual_compile;
use crate::init::{Given, Terminal, init as write, refuse_existing};

/// Asks for what the plugin needs and writes the file.
pub(super) async fn init(plugin: Option<PathBuf>, given: Given) -> Result<ExitCode, Exit> {
    // Before a plugin is compiled for nothing.
    refuse_existing(&given.config).map_err(Exit::misused)?;
    let path = match plugin {
        Some(path) => path,
        None => only_plugin(Path::new("."))?,
    };
    let host = host(&usual_compile(), usual_memory())?;
    let plugin = host.load(&path).await.map_err(Exit::misused)?;
    let next = write(&plugin, &given, &mut Terminal)
        .await
        .map_err(Exit::misused)?;
    print(&next)
}

/// The component in a directory, if there is one and no other.
fn only_plugin(folder: &Path) -> Result<PathBuf, Exit> {
    let unreadable =
        |error: std::io::Error| Exit::misused(format_args!("cannot list this directory: {error}"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = PathBuf::from(entry.map_err(unreadable)?.file_name());
        if name.extension().is_some_and(|extension| extension == "wasm") {
            found.push(name);
        }
    }
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Exit::misused(
            "there is no .wasm file in this directory; name the plugin: headwater init PATH",
        )),
        several => {
            let names: Vec<String> = several.iter().map(|name| name.display().to_string()).collect();
            Err(Exit::misused(format_args!(
                "there are several plugins in this directory; name one of them: headwater init {}",
                names.join(" | ")
            )))
        }
    }
}
