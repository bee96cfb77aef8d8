//! Programs in C that load the library or a plugin, compiled as their documentation says.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fake_azure::scenario::example;

use crate::artifacts;

/// Compiles a program of the project into a folder.
pub fn compile(folder: &Path, source: &str, name: &str, options: &[&str]) -> PathBuf {
    let program = folder.join(name);
    let libraries = artifacts::libraries();
    let status = Command::new("cc")
        .args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror"])
        .arg(artifacts::workspace().join(source))
        .arg("-o")
        .arg(&program)
        .arg("-I")
        .arg(artifacts::workspace().join("collectors/c/include"))
        .arg("-L")
        .arg(libraries)
        .arg(format!("-Wl,-rpath,{}", libraries.display()))
        .args(options)
        .status()
        .expect("there is a C compiler");
    assert!(status.success(), "{source} does not compile");
    program
}

/// A command of a program that was compiled, with nothing of this process's environment but the lab's secret.
pub fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("LAB_SECRET", example::CLIENT_SECRET)
        // The compilation cache, shared by all tests.
        .env("HOME", std::env::temp_dir().join("headwater-tests"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
