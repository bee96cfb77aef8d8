//! Debian's PostgreSQL, started for a test on a free port, and pgbouncer before it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;

use tempfile::TempDir;

use crate::collector::free_address;
use crate::site::wait_until;

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// The user of the system that a server runs as where the tests are root, which it refuses to be.
const SYSTEM_USER: &str = "postgres";
/// The password of everybody. Must not be seen in any output.
pub const PASSWORD: &str = "correct-horse";

/// A database server, which ends with the value, or with the tests.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    /// Settings beside the usual ones.
    settings: Vec<String>,
    process: Mutex<Child>,
}

/// A pooler in transaction mode.
pub struct Pooler {
    _folder: TempDir,
    port: u16,
    process: Child,
}

impl Postgres {
    /// A server with a database `headwater` and an owner of it with this name.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further settings, or other ones.
    pub fn start_with(settings: &[&str]) -> Self {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let copied = Command::new("cp").arg("-r").arg(template()).arg(&data).status();
        assert!(copied.is_ok_and(|status| status.success()));
        give_to_server(folder.path());
        let port = free_address().port();
        let process = Mutex::new(serve(&data, port, &settings));
        let postgres = Self {
            folder,
            port,
            settings,
            process,
        };
        postgres.wait();
        postgres.sql(
            "postgres",
            &format!("CREATE ROLE headwater LOGIN PASSWORD '{PASSWORD}'"),
        );
        postgres.sql("postgres", "CREATE DATABASE headwater OWNER headwater");
        postgres
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        self.url_of("headwater")
    }

    pub fn url_of(&self, user: &str) -> String {
        url(user, self.port)
    }

    /// Carries out SQL as the superuser in a database, and returns what it prints: a line for each row.
    #[track_caller]
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let output = self.psql(database, statements).output().expect("psql starts");
        assert!(output.status.success(), "{statements}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Carries out SQL in the database of the hosts while the test goes on.
    pub fn sql_meanwhile(&self, statements: &str) -> Child {
        let mut command = self.psql("headwater", statements);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("psql starts")
    }

    fn psql(&self, database: &str, statements: &str) -> Command {
        let mut command = Command::new("psql");
        command
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statements])
            .arg(format!(
                "postgres://postgres:{PASSWORD}@127.0.0.1:{}/{database}",
                self.port
            ));
        command
    }

    /// Kills the server with all it is at.
    pub fn kill(&self) {
        let mut process = self.process.lock().expect("no test fails with it");
        let _ = process.kill();
        let _ = process.wait();
        // Its children see that and end.
        wait_until("nobody listens", || {
            std::net::TcpListener::bind(("127.0.0.1", self.port)).is_ok()
        });
    }

    /// Stops the server as its administrator does (a fast shutdown): it disconnects everybody, and writes down what it has.
    pub fn stop(&self) {
        let mut process = self.process.lock().expect("no test fails with it");
        let asked = Command::new("kill")
            .args(["-INT", &process.id().to_string()])
            .status();
        assert!(asked.is_ok_and(|status| status.success()));
        let ended = process.wait().expect("it can be waited for");
        assert!(ended.success(), "{ended}");
    }

    /// Starts it again. It ends at once while somebody has its port, or a process of its own that was killed still ends.
    pub fn start_again(&self) {
        let data = self.folder.path().join("data");
        wait_until("the database answers", || {
            let mut process = self.process.lock().expect("no test fails with it");
            if process.try_wait().is_ok_and(|status| status.is_some()) {
                *process = serve(&data, self.port, &self.settings);
            }
            drop(process);
            self.answers()
        });
    }

    fn wait(&self) {
        wait_until("the database answers", || self.answers());
    }

    fn answers(&self) -> bool {
        let output = self.psql("postgres", "SELECT 1").output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Ok(process) = self.process.get_mut() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Pooler {
    /// Before this server.
    pub fn start(postgres: &Postgres) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_address().port();
        let users = folder.path().join("users.txt");
        let configuration = format!(
            "[databases]\nheadwater = host=127.0.0.1 port={} dbname=headwater\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = 3\nunix_socket_dir =\n",
            postgres.port,
            users.display(),
        );
        let file = folder.path().join("pgbouncer.ini");
        let write = |path: &Path, text: &str| std::fs::write(path, text).expect("the folder can be written");
        write(&users, &format!("\"headwater\" \"{PASSWORD}\"\n"));
        write(&file, &configuration);
        give_to_server(folder.path());
        let mut command = as_server("/usr/sbin/pgbouncer".as_ref());
        command.arg("-q").arg(&file);
        let process = spawn(command);
        wait_until("the pooler listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self {
            _folder: folder,
            port,
            process,
        }
    }

    pub fn url(&self) -> String {
        url("headwater", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn url(user: &str, port: u16) -> String {
    format!("postgres://{user}:{PASSWORD}@127.0.0.1:{port}/headwater")
}

/// An empty server's folder, made once.
fn template() -> &'static Path {
    static MADE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, data) = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (data, password) = (folder.path().join("data"), folder.path().join("password"));
        std::fs::write(&password, PASSWORD).expect("the folder can be written");
        give_to_server(folder.path());
        let mut command = as_server(&Path::new(PROGRAMS).join("initdb"));
        command
            .args([
                "-U",
                "postgres",
                "-A",
                "scram-sha-256",
                "-E",
                "UTF8",
                "--no-sync",
                "--no-locale",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .arg("-D")
            .arg(&data);
        let output = command.output().expect("initdb starts");
        assert!(output.status.success(), "{output:?}");
        (folder, data)
    });
    data
}

fn serve(data: &Path, port: u16, settings: &[String]) -> Child {
    let mut command = as_server(&Path::new(PROGRAMS).join("postgres"));
    command.arg("-D").arg(data);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "shared_buffers=16MB",
        "max_connections=60",
        &format!("port={port}"),
    ] {
        command.args(["-c", setting]);
    }
    for setting in settings {
        command.args(["-c", setting]);
    }
    spawn(command)
}

/// A program as the user that servers run as. It ends when the tests do.
fn as_server(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root() {
        command.args([
            format!("--reuid={SYSTEM_USER}"),
            format!("--regid={SYSTEM_USER}"),
            "--clear-groups".to_owned(),
        ]);
    }
    command.arg(program).current_dir("/").stdin(Stdio::null());
    command
}

fn give_to_server(folder: &Path) {
    if is_root() {
        let given = Command::new("chown")
            .args(["-R", SYSTEM_USER])
            .arg(folder)
            .status();
        assert!(given.is_ok_and(|status| status.success()));
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Starts a server from a thread that lives as long as the tests: the system ends it with the thread that started it.
fn spawn(mut command: Command) -> Child {
    type Job = (Command, mpsc::Sender<Child>);
    static STARTER: OnceLock<Mutex<mpsc::Sender<Job>>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::spawn(move || {
            for (mut command, answer) in jobs {
                let _ = answer.send(command.spawn().expect("the server starts"));
            }
        });
        Mutex::new(sender)
    });
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (answer, started) = mpsc::channel();
    let sent = starter
        .lock()
        .expect("no test fails with it")
        .send((command, answer));
    sent.expect("the thread lives");
    started.recv().expect("the server starts")
}
