//! `cargo xtask demo`: the main job for a newcomer. The real host runs the real component against the fake Azure.

mod story;
mod table;

use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::build::programs;
use crate::cargo::target_dir;
use crate::component::STANDARD;

/// Builds, runs, and shows what comes out.
pub fn demo() -> Result<()> {
    let component = STANDARD.build()?;
    let programs = programs()?;
    let folder = target_dir().join("demo");
    // Left by an earlier demo, whose fake Azure is gone.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;

    let azure = FakeAzure::start(&programs.fake_azure)?;
    let configuration = write_configuration(&folder, &component, &azure.connection)?;
    eprintln!(
        "xtask: running headwater run --once --config {}",
        configuration.display()
    );
    let began = Instant::now();
    let output = Command::new(&programs.host)
        .args(["--log-format", "json", "run", "--once", "--config"])
        .arg(&configuration)
        .env("AZURE_CLIENT_SECRET", text(&azure.connection, "client_secret"))
        .stdin(Stdio::null())
        .output()
        .context("cannot start headwater")?;
    let took = began.elapsed();
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "headwater ended with {}:\n{log}",
        output.status
    );
    fs::write(folder.join("events.ndjson"), &output.stdout)?;

    let events = parse_lines(&String::from_utf8_lossy(&output.stdout))?;
    let screen = story::Screen {
        colour: std::io::stdout().is_terminal(),
    };
    let mut out = std::io::stdout().lock();
    story::tell(&mut out, &screen, &events)?;
    table::summarize(&mut out, &events, &table::Totals::from_log(&log), took)?;
    next_steps(&mut out, &programs.host, &folder)?;
    Ok(())
}

/// The running server; it stops when this is dropped.
struct FakeAzure {
    process: Child,
    connection: Value,
}

impl FakeAzure {
    fn start(program: &Path) -> Result<Self> {
        let mut process = Command::new(program)
            .args(["--scenario", "demo", "--page-size", "50"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let connection =
            serde_json::from_str(&line).context("the fake Azure did not say where it listens")?;
        Ok(Self { process, connection })
    }
}

impl Drop for FakeAzure {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write_configuration(folder: &Path, component: &Path, connection: &Value) -> Result<PathBuf> {
    let endpoint = text(connection, "base_url");
    let toml = format!(
        r#"[state]
path = "state.redb"

[[source]]
name = "contoso"
plugin = '{plugin}'
allow = ["{endpoint}"]

[source.config]
tenant_id = "{tenant}"
client_id = "{client}"
client_secret = {{ env = "AZURE_CLIENT_SECRET" }}
subscription_id = "*"
tenant_log = true
start = "3h"
cloud = {{ authority = "{endpoint}", resource_manager = "{endpoint}" }}

[source.sink]
type = "stdout"
"#,
        plugin = component.display(),
        tenant = text(connection, "tenant_id"),
        client = text(connection, "client_id"),
    );
    let path = folder.join("headwater.toml");
    fs::write(&path, toml).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn next_steps(out: &mut impl Write, host: &Path, folder: &Path) -> Result<()> {
    writeln!(
        out,
        "All events, one ECS document a line: {}",
        folder.join("events.ndjson").display()
    )?;
    writeln!(
        out,
        "The configuration that was used:      {}",
        folder.join("headwater.toml").display()
    )?;
    writeln!(out)?;
    writeln!(out, "Next, a real subscription:")?;
    writeln!(
        out,
        "  1. Follow \"Set up Azure\" in README.md: an application, a secret, the role Reader."
    )?;
    writeln!(
        out,
        "  2. Copy the configuration above; remove `cloud`, put in your ids, and set"
    )?;
    writeln!(
        out,
        "     allow = [\"https://login.microsoftonline.com\", \"https://management.azure.com\"]."
    )?;
    writeln!(out, "  3. {} check --config headwater.toml", host.display())?;
    writeln!(out, "  4. {} run --config headwater.toml", host.display())?;
    Ok(())
}

fn parse_lines(text: &str) -> Result<Vec<Value>> {
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
