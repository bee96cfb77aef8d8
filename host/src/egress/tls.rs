//! Whom to trust on the other side of a connection.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tracing::debug;

use crate::file::small_file::{self, Purpose};

/// Why a file of certificate authorities cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is no list of certificates.
    #[error(
        "{} holds no certificate; it must be PEM text, with -----BEGIN CERTIFICATE----- above each certificate",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// One of the certificates is damaged.
    #[error("certificate number {number} in {} cannot be used: {reason}; export it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which one, from 1.
        number: usize,
        /// What the parser says.
        reason: String,
    },
}

/// Settings by the PEM text of the further authorities.
type Made = HashMap<Option<Vec<u8>>, Arc<ClientConfig>>;

/// The TLS settings of a client that trusts the system's authorities, and those in the PEM file `ca`.
///
/// Made once for all sources that trust the same: reading the system's certificates takes milliseconds, and a copy of
/// them a megabyte.
pub(crate) fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, CaError> {
    static MADE: OnceLock<Mutex<Made>> = OnceLock::new();
    let pem = ca.map(read).transpose()?;
    let made = MADE.get_or_init(Mutex::default);
    let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = made.get(&pem) {
        return Ok(config.clone());
    }
    let mut roots = system_roots();
    if let Some((path, pem)) = ca.zip(pem.as_deref()) {
        add(&mut roots, path, pem)?;
    }
    let config = Arc::new(build(roots));
    made.insert(pem, config.clone());
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<u8>, CaError> {
    small_file::read_blocking(path, Purpose::CERTIFICATES).map_err(|source| CaError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn build(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        // The provider is the one line above, and it supports the default versions.
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The system's certificates, so that an operator's own authority works; Mozilla's where the system has none.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        debug!(%error, "a system certificate cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        debug!("the system has no certificates; using the built-in ones");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Adds every certificate of a PEM file. One that cannot be used fails all: half a list would fail later, and elsewhere.
fn add(roots: &mut RootCertStore, path: &Path, pem: &[u8]) -> Result<(), CaError> {
    let mut number = 0;
    for found in CertificateDer::pem_slice_iter(pem) {
        number += 1;
        let damaged = |reason: String| CaError::Damaged {
            path: path.to_owned(),
            number,
            reason,
        };
        let certificate = found.map_err(|error| damaged(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| damaged(error.to_string()))?;
    }
    if number == 0 {
        return Err(CaError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_list_of_certificates_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for (content, words) in [
            ("", "holds no certificate"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "holds no certificate",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "certificate number 1 in",
            ),
            (
                "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n",
                "certificate number 1 in",
            ),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = client_config(Some(&path)).unwrap_err().to_string();
            assert!(
                error.contains(words) && error.contains("ca.pem"),
                "{content}: {error}"
            );
        }
        let error = client_config(Some(&folder.path().join("missing.pem"))).unwrap_err();
        assert!(matches!(error, CaError::Unreadable { .. }), "{error}");
    }

    /// The versions that a client's first message offers: its extension 43 (RFC 8446, 4.2.1).
    fn offered_versions(hello: &[u8]) -> Vec<u16> {
        let number = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
        // The heads of record and message, the old version, the random bytes.
        let mut rest = &hello[5 + 4 + 2 + 32..];
        rest = &rest[1 + usize::from(rest[0])..];
        rest = &rest[2 + number(rest)..];
        rest = &rest[1 + usize::from(rest[0])..];
        rest = &rest[2..];
        while number(rest) != 43 {
            rest = &rest[4 + number(&rest[2..])..];
        }
        let versions = &rest[5..][..usize::from(rest[4])];
        versions.chunks(2).map(|version| number(version) as u16).collect()
    }

    #[test]
    fn nothing_older_than_tls_1_2_is_offered() {
        let name = "upstream.example".try_into().unwrap();
        let mut client = rustls::ClientConnection::new(client_config(None).unwrap(), name).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        let mut offered = offered_versions(&hello);
        offered.sort_unstable();
        assert_eq!(offered, [0x0303, 0x0304], "TLS 1.2 and 1.3");
    }

    #[test]
    fn sources_that_trust_the_same_share_their_settings() {
        assert!(Arc::ptr_eq(
            &client_config(None).unwrap(),
            &client_config(None).unwrap()
        ));
    }
}
