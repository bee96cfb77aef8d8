//! Under which names a request may ask for this host.
//!
//! A web page can have a name of its own lead to an address of ours and then read what is there (DNS rebinding). Its requests
//! carry that name; those of people and scrapers carry ours.

use std::net::IpAddr;

use http::{Request, header};

/// The names that are ours.
#[derive(Debug)]
pub(super) struct Hosts {
    /// Whether only this machine is listened to.
    is_loopback: bool,
    /// What the operator has named, in lower case.
    named: Vec<String>,
}

impl Hosts {
    /// For a listener on this address.
    pub(super) fn new(listening: IpAddr, named: Vec<String>) -> Self {
        Self {
            is_loopback: listening.is_loopback(),
            named: named.iter().map(|name| plain(name)).collect(),
        }
    }

    /// Whether the request asks for this host. One without any name is not a browser's.
    pub(super) fn allow<T>(&self, request: &Request<T>) -> bool {
        let in_uri = request.uri().authority().map(|authority| authority.as_str());
        let in_headers = request.headers().get_all(header::HOST);
        let in_headers = in_headers.iter().map(|host| host.to_str().unwrap_or("?"));
        in_headers.chain(in_uri).all(|host| self.allow_name(host))
    }

    fn allow_name(&self, host: &str) -> bool {
        let host = plain(without_port(host));
        if self.named.contains(&host) {
            return true;
        }
        match host.parse::<IpAddr>() {
            // No name leads anywhere here.
            Ok(address) => !self.is_loopback || address.is_loopback(),
            Err(_) if host == "localhost" || host.ends_with(".localhost") => true,
            // Who listens to others is asked by names that only the operator knows.
            Err(_) => !self.is_loopback && self.named.is_empty(),
        }
    }
}

/// A host without the port behind it and the brackets around it.
fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1";
    const ANY: &str = "0.0.0.0";

    fn allows(listening: &str, named: &[&str], host: &str) -> bool {
        let named = named.iter().map(|name| (*name).to_owned()).collect();
        let request = Request::builder().header(header::HOST, host).body(()).unwrap();
        Hosts::new(listening.parse().unwrap(), named).allow(&request)
    }

    #[test]
    fn loopback_is_asked_for_by_its_own_names_and_those_of_the_operator() {
        for host in [
            "127.0.0.1:9598",
            "127.0.0.2",
            "localhost:9598",
            "LOCALHOST.",
            "a.localhost",
            "[::1]:9598",
        ] {
            assert!(allows(LOOPBACK, &[], host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9598",
            "192.0.2.1",
            "localhost.evil.example",
            "",
            "127.0.0.1.evil.example",
        ] {
            assert!(!allows(LOOPBACK, &[], host), "{host}");
        }
        assert!(allows(LOOPBACK, &["Status.Example"], "status.example:80"));
        assert!(!allows(LOOPBACK, &["status.example"], "evil.example"));
    }

    #[test]
    fn an_open_address_is_asked_for_by_any_name_until_the_operator_names_some() {
        assert!(allows(ANY, &[], "headwater.internal"));
        assert!(!allows(ANY, &["headwater.internal"], "evil.example"));
        for host in [
            "192.0.2.1:9598",
            "[2001:db8::1]:9598",
            "headwater.internal",
            "localhost",
        ] {
            assert!(allows(ANY, &["headwater.internal"], host), "{host}");
        }
    }

    #[test]
    fn every_name_in_a_request_must_be_ours_and_none_is_fine() {
        let hosts = Hosts::new(LOOPBACK.parse().unwrap(), Vec::new());
        assert!(hosts.allow(&Request::new(())));
        let absolute = Request::builder()
            .uri("http://evil.example/metrics")
            .body(())
            .unwrap();
        assert!(!hosts.allow(&absolute));
        let twice = Request::builder()
            .header(header::HOST, "localhost")
            .header(header::HOST, "evil.example");
        assert!(!hosts.allow(&twice.body(()).unwrap()));
    }
}
