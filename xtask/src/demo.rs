//! `cargo xtask demo`: the main job for a newcomer. The real host runs the real component against the fake Azure.

mod screen;
mod story;
mod table;

use std::fs;
use std::io::{BufRead, BufReader, Write};
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
    let screen = screen::Screen::of_stdout();
    let mut out = std::io::stdout().lock();
    story::tell(&mut out, &screen, &events)?;
    story::show_one(&mut out, &screen, &events)?;
    table::summarize(&mut out, &screen, &events, &table::Totals::from_log(&log), took)?;
    next_steps(&mut out, &programs.host, &component, &folder)?;
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

fn next_steps(out: &mut impl Write, host: &Path, component: &Path, folder: &Path) -> Result<()> {
    let shown = |path: &Path| {
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(here).unwrap_or(path).display().to_string()
    };
    writeln!(out, "All events:        {}", shown(&folder.join("events.ndjson")))?;
    writeln!(
        out,
        "The configuration: {}",
        shown(&folder.join("headwater.toml"))
    )?;
    writeln!(out)?;
    let host = shown(host);
    writeln!(out, "Next: 1. give an application the role Reader: docs/azure.md")?;
    writeln!(out, "      2. {host} init {}", shown(component))?;
    writeln!(out, "      3. {host} check && {host} run")?;
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
