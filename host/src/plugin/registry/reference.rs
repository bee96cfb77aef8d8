//! `oci://registry/repository@sha256:…`: which plugin, to the byte.

use std::fmt;

use crate::egress::Origin;

/// What such a reference begins with.
const SCHEME: &str = "oci://";

/// One version of a plugin in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Host, and port if it is not the usual one.
    pub registry: String,
    /// The path below it.
    pub repository: String,
    /// SHA-256 of the manifest, lower-case hexadecimal.
    pub digest: String,
}

impl Reference {
    /// Reads a reference; none if the text is none but a path. The error says what to write instead.
    pub fn parse(text: &str) -> Option<Result<Reference, &'static str>> {
        let rest = text.strip_prefix(SCHEME)?;
        Some(read(rest).ok_or(
            "must be \"oci://registry/repository@sha256:\" and 64 hexadecimal digits: the digest of the manifest, which \
             pushing prints; a tag can be moved and is not accepted",
        ))
    }

    /// Where the registry answers. Plain HTTP only on this machine.
    pub(super) fn origin(&self) -> String {
        let host = self
            .registry
            .rsplit_once(':')
            .map_or(&*self.registry, |(host, _)| host);
        let scheme = match host {
            "localhost" | "127.0.0.1" | "[::1]" => "http",
            _ => "https",
        };
        format!("{scheme}://{}", self.registry)
    }
}

fn read(text: &str) -> Option<Reference> {
    let (name, digest) = text.split_once("@sha256:")?;
    let (registry, repository) = name.split_once('/')?;
    let digest = digest.to_lowercase();
    let hexadecimal = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte);
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let fits = hexadecimal
        && !registry.is_empty()
        && registry.bytes().all(in_host)
        && Origin::parse(&format!("https://{registry}")).is_ok()
        && !repository.is_empty()
        && !repository
            .split('/')
            .any(|part| part.is_empty() || part.starts_with('.'))
        && repository.bytes().all(in_name);
    fits.then(|| Reference {
        registry: registry.to_owned(),
        repository: repository.to_owned(),
        digest,
    })
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reference {
            registry,
            repository,
            digest,
        } = self;
        write!(formatter, "{SCHEME}{registry}/{repository}@sha256:{digest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_reference_names_registry_repository_and_digest() {
        let text = format!("oci://registry.example:5000/team/azure-activity@sha256:{DIGEST}");
        let reference = Reference::parse(&text).unwrap().unwrap();
        assert_eq!(reference.origin(), "https://registry.example:5000");
        assert_eq!(reference.repository, "team/azure-activity");
        assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        for (registry, scheme) in [
            ("127.0.0.1:5000", "http"),
            ("localhost", "http"),
            ("127.0.0.1.example", "https"),
        ] {
            let text = format!("oci://{registry}/a@sha256:{DIGEST}");
            let origin = Reference::parse(&text).unwrap().unwrap().origin();
            assert_eq!(origin, format!("{scheme}://{registry}"));
        }
    }

    #[test]
    fn paths_are_left_alone_and_everything_but_a_digest_is_refused() {
        assert!(Reference::parse("plugins/azure_activity.wasm").is_none());
        for name in [
            "registry.example/a:latest",
            "registry.example/a",
            "registry.example",
            "",
            "/a@sha256:00",
        ] {
            assert!(
                Reference::parse(&format!("oci://{name}")).unwrap().is_err(),
                "{name}"
            );
        }
        for name in [
            "registry.example/../a",
            "registry.example//a",
            "registry.example/a?b",
            "user@host/a",
        ] {
            let text = format!("oci://{name}@sha256:{DIGEST}");
            assert!(Reference::parse(&text).unwrap().is_err(), "{name}");
        }
    }
}
