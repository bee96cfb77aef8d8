//! The image, loaded and run by buildah, and compared with what it makes of the Containerfile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fake_azure::scenario::example;
use tempfile::TempDir;

use super::{architecture, file, is_root, lines, succeeded};
use crate::artifacts;
use crate::lab;
use crate::site::Source;

const EVENTS: u32 = 3;

#[test]
#[ignore = "needs buildah"]
fn the_image_is_the_one_of_the_containerfile() {
    let store = Store::new();
    let released = store.pull();
    let context = store.path("context");
    fs::create_dir(&context).expect("the folder can be written");
    let mut unpack = Command::new("tar");
    unpack
        .args(["--extract", "--strip-components=1", "--file"])
        .arg(file("headwater-", &format!("-linux-{}.tar.gz", architecture())))
        .arg("--directory")
        .arg(&context);
    succeeded(unpack.output());
    let recipe = artifacts::workspace().join("docs/recipes/Containerfile");
    let own = "localhost/own";
    let build = ["build", "--isolation", "chroot", "--tag", own, "--file"];
    let mut command = store.buildah(&build);
    succeeded(command.arg(recipe).arg(&context).output());
    let config = |image: &str| {
        let format = "{{.OCIv1.Architecture}} {{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}} \
                      {{len .OCIv1.RootFS.DiffIDs}}";
        succeeded(
            store
                .buildah(&["inspect", "--type", "image", "--format", format, image])
                .output(),
        )
    };
    let expected = format!(
        "{} 65532:65532 [/usr/bin/headwater] [run --config /etc/headwater/headwater.toml --log-format json] 1",
        architecture()
    );
    assert_eq!(config(&released).trim(), expected);
    assert_eq!(config(own).trim(), expected);
    assert_eq!(store.files(&released), store.files(own));
}

#[test]
#[ignore = "needs buildah"]
fn the_image_reads_the_log_as_nobody_in_particular() {
    let azure = lab::serve(lab::with_events(EVENTS));
    let store = Store::new();
    let container = store.container(&store.pull());
    let source = Source {
        plugin: "/usr/lib/headwater/azure_activity.wasm".into(),
        sink: "type = \"stdout\"".to_owned(),
        ..Source::azure("contoso", azure.endpoint())
    };
    let configuration = store.path("headwater.toml");
    let state = "[state]\npath = \"/var/lib/headwater/state.redb\"\n";
    fs::write(&configuration, format!("{state}{}", source.to_toml())).expect("the folder can be written");
    let empty = store.path("empty");
    fs::create_dir(&empty).expect("the folder can be written");
    store.copy(&container, None, &configuration, "/etc/headwater/headwater.toml");
    store.copy(&container, Some("65532:65532"), &empty, "/var/lib/headwater");
    // What a host that is built for tests is linked to; nothing for that of a release.
    let linked = Command::new("ldd")
        .arg(artifacts::host())
        .output()
        .expect("ldd starts");
    if std::env::var_os("HEADWATER_DIST").is_none() {
        let linked = String::from_utf8_lossy(&linked.stdout).into_owned();
        for library in linked.split_whitespace().filter(|word| word.starts_with('/')) {
            let real = fs::canonicalize(library).expect("it is there");
            store.copy(&container, None, &real, library);
        }
    }
    let run = ["run", "--isolation", "chroot", "--network", "host", "--env"];
    let mut command = store.buildah(&run);
    command
        .arg(format!("LAB_SECRET={}", example::CLIENT_SECRET))
        .args([&container, "--", "/usr/bin/headwater", "run", "--once"])
        .args(["--config", "/etc/headwater/headwater.toml"]);
    assert_eq!(lines(&succeeded(command.output())), 2 * EVENTS);
}

/// A place for images of this test's own.
struct Store {
    folder: TempDir,
}

impl Store {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn buildah(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("buildah");
        command.args(["--storage-driver", "vfs"]);
        command.arg("--root").arg(self.path("store"));
        command.arg("--runroot").arg(self.path("run"));
        command.args(arguments);
        command
    }

    /// Loads the image of the release for this machine, and gives its id.
    fn pull(&self) -> String {
        let archive = file("headwater-", "-image.tar");
        let place = format!("oci-archive:{}", archive.display());
        let id = succeeded(self.buildah(&["pull", "--quiet", &place]).output());
        id.trim().to_owned()
    }

    fn container(&self, image: &str) -> String {
        let name = succeeded(self.buildah(&["from", image]).output());
        name.trim().to_owned()
    }

    fn copy(&self, container: &str, owner: Option<&str>, from: &Path, to: &str) {
        let mut command = self.buildah(&["copy", "--quiet"]);
        command.args(owner.into_iter().flat_map(|owner| ["--chown", owner]));
        succeeded(command.arg(container).arg(from).arg(to).output());
    }

    /// Every file with its mode, owner and digest.
    fn files(&self, image: &str) -> String {
        let container = self.container(image);
        let script = format!(
            "cd \"$(buildah {0} mount {container})\" && find . -type f -printf '%P %m %U:%G ' -exec sha256sum {{}} ';' | sort",
            format_args!(
                "--storage-driver vfs --root {} --runroot {}",
                self.path("store").display(),
                self.path("run").display()
            ),
        );
        let mut command = if is_root() {
            Command::new("sh")
        } else {
            // Without root, a container's files are seen from inside the user namespace only.
            self.buildah(&["unshare", "sh"])
        };
        succeeded(command.args(["-c", &script]).output())
    }
}
