//! Where the database is. Its URL holds a password, so nothing of it is shown but host, port and database.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::error::PostgresError;
use crate::secret::SecretText;

/// How long one server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that is silent for so long is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Where the database is, and whom to trust there.
#[derive(Clone)]
pub struct Address {
    url: SecretText,
    ca: Option<PathBuf>,
}

impl Address {
    /// The database of a URL, `postgres://user:password@host:5432/database`. It is fetched again for each connection, so that
    /// a password can be replaced.
    pub fn new(url: impl Into<SecretText>) -> Self {
        Self {
            url: url.into(),
            ca: None,
        }
    }

    /// Trusts the authorities in this PEM file too.
    #[must_use]
    pub fn ca(mut self, file: Option<PathBuf>) -> Self {
        self.ca = file;
        self
    }

    /// The file of further authorities.
    pub(super) fn authorities(&self) -> Option<&std::path::Path> {
        self.ca.as_deref()
    }

    /// What to connect to.
    pub(super) async fn resolve(&self) -> Result<Target, PostgresError> {
        let url = self.url.fetch().await.map_err(PostgresError::Secret)?;
        Target::parse(url.trim())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Address").finish_non_exhaustive()
    }
}

/// Judges a URL.
///
/// # Errors
///
/// What is wrong with it, without showing it.
pub fn check_url(url: &str) -> Result<(), PostgresError> {
    Target::parse(url.trim()).map(|_| ())
}

/// What to connect to, and how it is called in messages.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) place: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, PostgresError> {
        let problem = |text: &str| Err(PostgresError::Url(text.to_owned()));
        if url.is_empty() {
            return problem("is empty; write for example \"postgres://headwater@db.example/headwater\"");
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        if !matches!(scheme, "postgres" | "postgresql") {
            return problem(
                "must begin with \"postgres://\"; write for example \"postgres://headwater@db.example/headwater\"",
            );
        }
        // Names only that people copy from other programs: what else stands there may be a part of a password.
        for key in ["sslrootcert", "sslcert", "sslkey", "sslcrl"] {
            if rest.contains(&format!("{key}=")) {
                return Err(PostgresError::Url(format!(
                    "has `{key}`, which is not supported here; name the authority of the server's certificate in `state.ca`"
                )));
            }
        }
        // Certificates are verified always.
        let url = ["sslmode=verify-full", "sslmode=verify-ca"]
            .iter()
            .fold(url.to_owned(), |url, mode| url.replace(mode, "sslmode=require"));
        let Ok(mut config) = url.parse::<Config>() else {
            return problem(
                "is not a valid URL of a database; write for example \"postgres://user:password@host:5432/database\", other \
                 letters of user and password than A-Z, a-z, 0-9, `-`, `_`, `.` and `~` as %XX",
            );
        };
        if config.get_hosts().is_empty() {
            return problem("names no host; write for example \"postgres://headwater@db.example/headwater\"");
        }
        if !url.contains("sslmode=") {
            let is_here = config.get_hosts().iter().all(is_this_machine);
            config.ssl_mode(if is_here {
                SslMode::Disable
            } else {
                SslMode::Require
            });
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("headwater");
        }
        config.keepalives_idle(KEEPALIVE);
        let place = place(&config);
        Ok(Self { config, place })
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let hosts = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(index, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(index)),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        });
    let hosts = hosts.collect::<Vec<_>>().join(",");
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("{hosts}/{database}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, PostgresError> {
        Target::parse(url)
    }

    #[test]
    fn messages_about_a_url_show_nothing_of_its_password() {
        for url in [
            "",
            "hunter2",
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?hunter2=1",
            "postgres://u:hunter2@h/d?sslrootcert=/etc/ca.pem",
            "postgres:///d",
        ] {
            let error = parse(url)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.starts_with("`state.url` "), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{url}: {error}");
        }
    }

    #[test]
    fn a_database_elsewhere_is_spoken_to_over_tls_unless_the_url_says_otherwise() {
        for (url, mode) in [
            ("postgres://u:p@db.example/d", SslMode::Require),
            (
                "postgresql://u:p@db.example/d?sslmode=verify-full",
                SslMode::Require,
            ),
            ("postgres://u:p@db.example/d?sslmode=disable", SslMode::Disable),
            ("postgres://u:p@db.example/d?sslmode=prefer", SslMode::Prefer),
            ("postgres://u:p@127.0.0.1:5433/d", SslMode::Disable),
            ("postgres://u:p@localhost,db.example/d", SslMode::Require),
        ] {
            assert_eq!(parse(url).unwrap().config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn a_place_is_host_port_and_database() {
        for (url, place) in [
            ("postgres://u:p@db.example/d", "db.example:5432/d"),
            (
                "postgres://u:p@a.example:1,b.example:2/d",
                "a.example:1,b.example:2/d",
            ),
            ("postgres://u:p@db.example", "db.example:5432/u"),
        ] {
            assert_eq!(parse(url).unwrap().place, place, "{url}");
        }
    }
}
