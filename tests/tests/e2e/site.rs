//! A folder with a configuration, as an operator has it, and the host run in it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fake_azure::scenario::example;
use serde_json::Value;
use tempfile::TempDir;

use crate::artifacts;

/// Longer than any test needs, so that only a hang ends here.
const PATIENCE: Duration = Duration::from_secs(120);

/// One tenant's part of the configuration; `Default` is the fake Azure's example tenant.
pub struct Source {
    pub name: String,
    pub plugin: PathBuf,
    pub allow: String,
    pub interval: String,
    /// Further lines of `[[source]]`.
    pub keys: String,
    /// Lines of `[source.config]`.
    pub config: String,
    /// Lines of `[source.sink]`.
    pub sink: String,
    /// Further tables and keys, after the sink.
    pub rest: String,
}

impl Source {
    /// The example tenant at `endpoint`, delivering to `<name>.ndjson`.
    pub fn azure(name: &str, endpoint: &str) -> Self {
        let config = format!(
            "tenant_id = \"{}\"\nclient_id = \"{}\"\nclient_secret = {{ env = \"LAB_SECRET\" }}\n\
             subscription_id = \"*\"\nstart = \"24h\"\n\
             cloud = {{ authority = \"{endpoint}\", resource_manager = \"{endpoint}\" }}",
            example::TENANT,
            example::CLIENT_ID,
        );
        Self {
            name: name.to_owned(),
            plugin: artifacts::azure_activity().to_owned(),
            allow: endpoint.to_owned(),
            interval: "1s".to_owned(),
            keys: String::new(),
            config,
            sink: format!("type = \"file\"\npath = \"{name}.ndjson\""),
            rest: String::new(),
        }
    }

    /// The hostile source, with this attack, as the tenant `mallory`.
    pub fn hostile(attack: &str) -> Self {
        Self {
            name: "mallory".to_owned(),
            plugin: artifacts::hostile_source().to_owned(),
            allow: "https://collector.example".to_owned(),
            interval: "1s".to_owned(),
            keys: String::new(),
            config: format!("attack = \"{attack}\""),
            sink: "type = \"file\"\npath = \"mallory.ndjson\"".to_owned(),
            rest: String::new(),
        }
    }

    /// Replaces the line of `[source.config]` that sets `key`, or adds it.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let others = self
            .config
            .lines()
            .filter(|line| line.split([' ', '=']).next() != Some(key));
        self.config = others.collect::<Vec<_>>().join("\n");
        let _ = write!(self.config, "\n{key} = {value}");
        self
    }

    /// As it is in the configuration.
    pub fn to_toml(&self) -> String {
        let Source {
            name,
            plugin,
            allow,
            interval,
            keys,
            config,
            sink,
            rest,
        } = self;
        format!(
            "[[source]]\nname = \"{name}\"\nplugin = \"{}\"\ninterval = \"{interval}\"\nallow = [\"{allow}\"]\n{keys}\n\
             [source.config]\n{config}\n[source.sink]\n{sink}\n{rest}\n",
            plugin.display(),
        )
    }
}

/// What a finished run printed.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Both streams, for a search that does not care which.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    #[track_caller]
    pub fn exits_with(&self, code: i32) -> &Self {
        assert_eq!(
            self.code,
            Some(code),
            "exit code; stderr:\n{}\nstdout:\n{}",
            self.stderr,
            self.stdout
        );
        self
    }

    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        // Tables put long texts on several lines.
        let on_one_line = self.text().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            self.text().contains(words) || on_one_line.contains(words),
            "nothing about {words:?} in:\n{}",
            self.text()
        );
        self
    }
}

/// An operator's folder.
pub struct Site {
    folder: TempDir,
}

impl Site {
    /// A folder with these sources configured.
    pub fn new(sources: &[Source]) -> Self {
        let site = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let sources: String = sources.iter().map(Source::to_toml).collect();
        site.write(
            "headwater.toml",
            &format!("[state]\npath = \"state.redb\"\n{sources}"),
        );
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the temporary folder can be written");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The events in a file, one JSON document a line.
    #[track_caller]
    pub fn events(&self, name: &str) -> Vec<Value> {
        parse_lines(&self.read(name))
    }

    /// `event.id` of every event in a file, sorted, repetitions kept. A line that a running host has not ended yet is no event.
    #[track_caller]
    pub fn ids(&self, name: &str) -> Vec<String> {
        let text = self.read(name);
        let mut ids: Vec<String> = parse_lines(ended_lines(&text)).iter().map(event_id).collect();
        ids.sort();
        ids
    }

    /// Runs `headwater` with the folder's configuration to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.start(arguments))
    }

    /// The same with further variables of the environment.
    pub fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
        finish(self.start_with(variables, arguments))
    }

    /// Starts `headwater` with the folder's configuration.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("headwater starts")
    }

    /// The same with further variables of the environment.
    pub fn start_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        command.spawn().expect("headwater starts")
    }

    /// The same, and nobody looks at what it prints: a pipe that is not read would hold it up.
    pub fn start_unread(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("headwater starts")
    }

    /// Starts `headwater` with its log in `host.log`, for tests that wait for what it says.
    pub fn start_logged(&self, arguments: &[&str]) -> Logged<'_> {
        let mut command = self.command(arguments);
        command.stderr(self.log()).stdout(Stdio::null());
        Logged {
            site: self,
            child: command.spawn().expect("headwater starts"),
        }
    }

    /// An empty `host.log`.
    pub fn log(&self) -> File {
        File::create(self.path("host.log")).expect("the temporary folder can be written")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = headwater(self.folder.path());
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("headwater.toml"));
        command
    }
}

/// A host that runs, and what it has said so far.
pub struct Logged<'a> {
    site: &'a Site,
    pub child: Child,
}

impl Logged<'_> {
    /// Waits for these words. What a host does is not yet in its log when others see that it was done.
    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        let began = Instant::now();
        while !self.site.read("host.log").contains(words) {
            assert!(
                began.elapsed() < PATIENCE,
                "nothing about {words:?} in:\n{}",
                self.site.read("host.log")
            );
            thread::sleep(Duration::from_millis(20));
        }
        self
    }

    /// Kills it.
    #[track_caller]
    pub fn stop(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        assert_no_worker_was_blocked(&self.site.read("host.log"));
    }
}

/// A `headwater` command with nothing of this process's environment but the lab's secret.
pub fn headwater(folder: &Path) -> Command {
    let mut command = Command::new(artifacts::host());
    command
        .current_dir(folder)
        .env_clear()
        .env("LAB_SECRET", example::CLIENT_SECRET)
        // The compilation cache, shared by all tests.
        .env("HOME", std::env::temp_dir().join("headwater-tests"))
        // A worker that is blocked ends a host that was built for tests.
        .env("HEADWATER_WATCHDOG", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits for a process and collects what it printed.
#[track_caller]
pub fn finish(mut child: Child) -> Finished {
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the process can be waited for") {
            break status;
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "headwater did not end; stderr:\n{}",
                stderr.join().unwrap_or_default()
            );
        }
        thread::sleep(Duration::from_millis(10));
    };
    let finished = Finished {
        code: status.code(),
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
    };
    assert_no_worker_was_blocked(&finished.stderr);
    finished
}

#[track_caller]
fn assert_no_worker_was_blocked(log: &str) {
    let blocked = log.lines().find(|line| line.starts_with("watchdog: "));
    assert_eq!(blocked, None, "a worker was blocked");
}

/// Waits for something that a running host brings about.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The lines that have an end: of a file that a running host may be writing to.
pub fn ended_lines(text: &str) -> &str {
    &text[..text.rfind('\n').map_or(0, |last| last + 1)]
}

/// One JSON document a line.
#[track_caller]
pub fn parse_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// An ECS event's id.
pub fn event_id(event: &Value) -> String {
    event["event"]["id"].as_str().unwrap_or_default().to_owned()
}

fn drain(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
