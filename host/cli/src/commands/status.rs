//! `headwater status`: asks the running host how it is doing.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::Utc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Exit, FAILED, print};
use crate::config::Config;
use crate::status_command::{self, HostStatus, SourceStatuses};
use crate::terminal;

/// A host renders its largest page within this.
const PATIENCE: Duration = Duration::from_secs(20);

/// Shows what a running host says about itself. The exit code is 1 if it does not answer, or if nothing works there.
pub(super) async fn status(path: &Path) -> Result<ExitCode, Exit> {
    let config = Config::load(path).map_err(Exit::misused)?;
    let Some(address) = config.listen else {
        return Err(Exit::misused(
            "the configuration has no [listen] address, so that nobody can be asked; add for example \
             address = \"127.0.0.1:9598\", and restart the host",
        ));
    };
    let asked = async {
        let (_, host) = get(address, "/host.json").await?;
        let (_, sources) = get(address, "/status.json").await?;
        let (health, _) = get(address, "/healthz").await?;
        let host: HostStatus = serde_json::from_str(&host)?;
        let sources: SourceStatuses = serde_json::from_str(&sources)?;
        anyhow::Ok((host, sources, health == 200))
    };
    let (host, sources, is_healthy) = asked.await.map_err(|error| {
        Exit::failed(format_args!(
            "no headwater answers at {address}: {error:#}; is it running?"
        ))
    })?;
    print(&status_command::render(
        &host,
        &sources,
        Utc::now(),
        terminal::width(),
    ))?;
    Ok(if is_healthy {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// One page of a host of ours: it answers a request and closes the connection.
async fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let exchange = async {
        let mut stream = TcpStream::connect(reachable(address)).await?;
        let request = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = tokio::time::timeout(PATIENCE, exchange)
        .await
        .context("it takes too long")??;
    let answer = String::from_utf8(answer).context("it does not answer in text")?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        bail!("it does not speak HTTP");
    };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    match status {
        Some(status @ (200 | 503)) => Ok((status, body.to_owned())),
        _ => bail!("it answered {}", head.lines().next().unwrap_or_default()),
    }
}

/// Where a host listens on every address, this machine reaches it at its own.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
