//! What packages ship beside the program: man pages and completions for shells.

use std::path::Path;

use clap::Command;
use clap_complete::Shell;

/// Writes one man page for the program and one for each of its commands into a folder that exists.
pub fn write_pages(program: Command, folder: &Path) -> std::io::Result<()> {
    clap_mangen::generate_to(program, folder)
}

/// The completion script for a shell.
pub fn completions(mut program: Command, shell: Shell) -> String {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
