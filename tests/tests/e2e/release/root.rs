//! The archive in an empty root, and the package for Debian in one that has a shell: each with the configuration of the
//! demonstration. A host that is built for tests needs the machine's C library there; that of a release needs nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fake_azure::Server;
use fake_azure::scenario::example;
use tempfile::TempDir;

use super::{architecture, file, is_root, lines, succeeded};
use crate::lab;
use crate::site::Source;

/// In each of the two subscriptions of the example tenant.
const EVENTS: u32 = 3;

#[test]
#[ignore = "needs root"]
fn the_archive_runs_in_an_empty_root() {
    if !is_root() {
        eprintln!("not tried: only root can change the root directory");
        return;
    }
    let root = Root::new();
    let mut unpack = Command::new("tar");
    unpack
        .args(["--extract", "--strip-components=1", "--file"])
        .arg(file("headwater-", &format!("-linux-{}.tar.gz", architecture())))
        .arg("--directory")
        .arg(root.path(""));
    succeeded(unpack.output());
    for name in [
        "man/headwater.1",
        "completions/_headwater",
        "headwater.service",
        "LICENSE",
    ] {
        assert!(root.path(name).exists(), "{name} is missing");
    }
    root.reads_the_log("/headwater", "/azure_activity.wasm");
}

#[test]
#[ignore = "needs root and dpkg"]
fn the_package_is_installed_twice_runs_and_is_removed_but_for_its_state() {
    if !is_root() {
        eprintln!("not tried: only root can change the root directory");
        return;
    }
    let root = Root::new();
    let shell = fs::canonicalize("/bin/sh").expect("there is a shell");
    root.copy(&shell, "bin/sh");
    root.copy_libraries(&shell);
    let database = root.path("var/lib/dpkg");
    for folder in ["info", "updates", "triggers"] {
        fs::create_dir_all(database.join(folder)).expect("the folder can be written");
    }
    for name in ["status", "available"] {
        fs::write(database.join(name), "").expect("the folder can be written");
    }
    let dpkg = |arguments: &[&Path]| {
        let mut command = Command::new("dpkg");
        command
            // The root has a shell, and dpkg wants more than that to be sure.
            .args(["--force-bad-path", "--log=/dev/null"])
            .arg(format!("--root={}", root.path("").display()))
            .args(arguments);
        succeeded(command.output())
    };
    let package = file("headwater_", &format!("_{}.deb", architecture()));
    dpkg(&["--install".as_ref(), &package]);
    // A second time, as an upgrade.
    dpkg(&["--install".as_ref(), &package]);
    for name in [
        "usr/lib/systemd/system/headwater.service",
        "usr/share/man/man1/headwater.1.gz",
        "usr/share/bash-completion/completions/headwater",
    ] {
        assert!(root.path(name).exists(), "{name} is missing");
    }
    let service = fs::read_to_string(root.path("usr/lib/systemd/system/headwater.service"));
    let service = service.expect("it was there");
    assert!(
        service.contains("\nExecStart=/usr/bin/headwater run "),
        "{service}"
    );
    root.reads_the_log("/usr/bin/headwater", "/usr/lib/headwater/azure_activity.wasm");
    dpkg(&["--purge".as_ref(), "headwater".as_ref()]);
    for name in ["usr/bin/headwater", "usr/share/doc/headwater"] {
        assert!(!root.path(name).exists(), "{name} is still there");
    }
    // What the package did not bring stays.
    assert!(root.path("var/lib/headwater/state.redb").exists());
}

/// A folder that a program takes for the root.
struct Root {
    folder: TempDir,
    azure: Server,
}

impl Root {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            azure: lab::serve(lab::with_events(EVENTS)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn copy(&self, from: &Path, to: &str) {
        let to = self.path(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().expect("a folder")).expect("the folder can be written");
        fs::copy(from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }

    /// What a program is linked to, nothing for a static one.
    fn copy_libraries(&self, program: &Path) {
        let linked = Command::new("ldd").arg(program).output().expect("ldd starts");
        let linked = String::from_utf8_lossy(&linked.stdout).into_owned();
        for library in linked
            .split_whitespace()
            .filter(|word| word.starts_with('/') && !word.ends_with(':'))
        {
            self.copy(Path::new(library), library);
        }
    }

    /// Runs the program in the root; it brings all events.
    #[track_caller]
    fn reads_the_log(&self, program: &str, plugin: &str) {
        self.copy_libraries(&self.path(program.trim_start_matches('/')));
        let source = Source {
            plugin: plugin.into(),
            sink: "type = \"stdout\"".to_owned(),
            ..Source::azure("contoso", self.azure.endpoint())
        };
        for folder in ["etc/headwater", "var/lib/headwater"] {
            fs::create_dir_all(self.path(folder)).expect("the folder can be written");
        }
        let state = "[state]\npath = \"/var/lib/headwater/state.redb\"\n";
        fs::write(
            self.path("etc/headwater/headwater.toml"),
            format!("{state}{}", source.to_toml()),
        )
        .expect("the folder can be written");
        let mut run = Command::new("chroot");
        run.arg(self.path(""))
            .args([
                program,
                "run",
                "--once",
                "--config",
                "/etc/headwater/headwater.toml",
            ])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LAB_SECRET", example::CLIENT_SECRET);
        assert_eq!(lines(&succeeded(run.output())), 2 * EVENTS);
    }
}
