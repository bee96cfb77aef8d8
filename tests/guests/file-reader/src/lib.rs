//! A source that looks for a way out: it imports files and sockets, as the toolchains of many languages do, and tries every call
//! that could lead somewhere. The event of a poll says what came of each.
#![cfg(target_family = "wasm")]
// The generated exports cross the component boundary through raw pointers.
#![allow(unsafe_code, missing_docs, missing_debug_implementations)]

wit_bindgen::generate!({ world: "log-source", path: "../../../wit", generate_all });

use std::fs;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use exports::headwater::source::descriptor::{self, Manifest};
use exports::headwater::source::source::{
    self, Batch, Discovery, Error, Event, Issue, PartitionInfo, Plan, Report, Request,
};
use exports::headwater::source::types::SessionChange;
use wasi::cli::environment;
use wasi::filesystem::preopens;
use wasi::sockets::network::IpAddressFamily;
use wasi::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

struct FileReader;

export!(FileReader);

impl descriptor::Guest for FileReader {
    fn describe() -> Manifest {
        Manifest {
            name: "file-reader".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Looks for a way out".into(),
            homepage: "https://example.com".into(),
            config_schema: "{}".into(),
            formats: vec!["attempts".into()],
            cursor_format: 1,
            default_interval: 1_000_000_000,
            minimum_interval: 1_000_000_000,
        }
    }
}

impl source::Guest for FileReader {
    fn validate(_: String) -> Result<Plan, Vec<Issue>> {
        Ok(Plan {
            origins: vec![],
            warnings: vec![],
        })
    }

    fn discover(_: String, _: Option<Vec<u8>>, _: u64) -> Result<Discovery, Error> {
        Ok(Discovery {
            partitions: vec![PartitionInfo {
                id: "machine".into(),
                formerly: vec![],
                title: "The machine that it runs on".into(),
                attributes: vec![],
                unavailable: None,
            }],
            session: SessionChange::Keep,
            measures: vec![],
        })
    }

    fn check(_: String, _: Option<Vec<u8>>, _: String, _: u64) -> Result<Report, Error> {
        Ok(Report {
            summary: reached().join(", "),
            warnings: vec![],
            session: SessionChange::Keep,
        })
    }

    fn poll(_: Request) -> Result<Batch, Error> {
        let attempts = attempts();
        let texts: Vec<String> = attempts
            .iter()
            .map(|(what, reached)| format!("\"{what}\":{}", if *reached { "true" } else { "false" }))
            .collect();
        Ok(Batch {
            events: vec![Event {
                id: "attempts".into(),
                time: None,
                severity: 9,
                attributes: vec![],
                body: format!("{{{}}}", texts.join(",")),
            }],
            rejected: vec![],
            cursor: b"1 tried".to_vec(),
            session: SessionChange::Keep,
            next_in: None,
            caught_up: true,
            progress: None,
            measures: vec![],
        })
    }
}

fn reached() -> Vec<&'static str> {
    let attempts = attempts().into_iter();
    attempts
        .filter_map(|(what, reached)| reached.then_some(what))
        .collect()
}

/// Each attempt, and whether it led anywhere.
fn attempts() -> Vec<(&'static str, bool)> {
    let network = instance_network::instance_network();
    let address = "127.0.0.1:22";
    vec![
        ("folders", !preopens::get_directories().is_empty()),
        ("read", fs::read("/etc/passwd").is_ok()),
        ("write", fs::write("/tmp/headwater-was-here", "x").is_ok()),
        ("create", fs::File::create("here").is_ok()),
        ("list", fs::read_dir("/").is_ok() || fs::read_dir(".").is_ok()),
        (
            "look",
            fs::metadata("/").is_ok() || fs::symlink_metadata(".").is_ok(),
        ),
        ("make", fs::create_dir("folder").is_ok()),
        ("delete", fs::remove_file("/etc/passwd").is_ok()),
        (
            "tcp4",
            tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4).is_ok(),
        ),
        (
            "tcp6",
            tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv6).is_ok(),
        ),
        (
            "udp4",
            udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4).is_ok(),
        ),
        (
            "udp6",
            udp_create_socket::create_udp_socket(IpAddressFamily::Ipv6).is_ok(),
        ),
        (
            "name",
            ip_name_lookup::resolve_addresses(&network, "localhost").is_ok(),
        ),
        (
            "number",
            ip_name_lookup::resolve_addresses(&network, "127.0.0.1").is_ok(),
        ),
        ("connect", TcpStream::connect(address).is_ok()),
        ("listen", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("send", UdpSocket::bind("0.0.0.0:0").is_ok()),
        ("lookup", ("localhost", 22).to_socket_addrs().is_ok()),
        ("variables", !environment::get_environment().is_empty()),
        ("arguments", !environment::get_arguments().is_empty()),
        ("here", environment::initial_cwd().is_some()),
    ]
}
