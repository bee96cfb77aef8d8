//! Plugins from OCI registries: fetched once, checked against their digests, kept in a folder.
//!
//! Two requests of the distribution protocol are all that this takes, so they are made with the HTTP client that is here
//! anyway, and go the same way out (proxy, certificate authorities) as the source's own requests.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the thread of the folder (`file_work`)"
)]

mod client;
mod reference;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tracing::info;

use self::client::Client;
pub use self::reference::Reference;
use crate::egress::{Outbound, OutboundError};
use crate::file::small_file::{self, Purpose};
use crate::redact::printable::printable;
use crate::work::file_work::FileWork;

/// What a layer with a component calls itself.
const COMPONENT: &str = "application/wasm";
/// Letters of a manifest's text that a message shows.
const LONGEST_SHOWN: usize = 100;

/// Why a plugin cannot be had from a registry.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The way out cannot be used.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The registry cannot be asked, or fails; later it may work.
    #[error("cannot fetch {reference}: {reason}")]
    Unavailable {
        /// What was asked for.
        reference: Box<Reference>,
        /// What went wrong.
        reason: String,
    },
    /// The registry does not give it to us.
    #[error("cannot fetch {reference}: {reason}")]
    Refused {
        /// What was asked for.
        reference: Box<Reference>,
        /// Why, and what to do.
        reason: String,
    },
    /// What came is something else.
    #[error("{reference} cannot be used: {reason}")]
    Unusable {
        /// What was asked for.
        reference: Box<Reference>,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder for fetched plugins cannot be used.
    #[error("cannot keep plugins in {}: {source}; check the folder of the state file", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The part of an image manifest that matters here.
#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
}

/// A plugin in the folder for fetched ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The component.
    pub path: PathBuf,
    /// Its SHA-256 as lower-case hexadecimal.
    pub digest: String,
}

/// Reads, hashes and writes in the folder for fetched plugins: one piece at a time, on a thread of its own. Where the folder
/// hangs, so does one thread.
static FOLDER: LazyLock<FileWork> = LazyLock::new(FileWork::default);

/// Makes sure that the plugin lies in the folder, and says where. Nothing is asked when it is there already.
///
/// # Errors
///
/// The registry does not answer or has another file, or the folder cannot be written.
pub async fn fetch(
    reference: &Reference,
    outbound: &Outbound,
    folder: &Path,
) -> Result<Fetched, RegistryError> {
    let unusable = |reason: String| RegistryError::Unusable {
        reference: Box::new(reference.clone()),
        reason,
    };
    let mut client = Client::new(reference, &outbound.route().await?);
    let path = format!("manifests/sha256:{}", reference.digest);
    let manifest = folder.join(format!("{}.json", reference.digest));
    let bytes = obtain(&mut client, &path, &reference.digest, &manifest).await?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| unusable(format!("its manifest is not readable: {error}")))?;
    let [Layer { media_type, digest }] = &manifest.layers[..] else {
        return Err(unusable(format!(
            "it has {} layers, a plugin has one",
            manifest.layers.len()
        )));
    };
    if media_type != COMPONENT {
        return Err(unusable(format!(
            "its content is {}, not {COMPONENT}",
            shown(media_type)
        )));
    }
    let hexadecimal = |hex: &&str| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digest = digest
        .strip_prefix("sha256:")
        .filter(hexadecimal)
        .ok_or_else(|| unusable(format!("its layer's digest is {}, not SHA-256", shown(digest))))?
        .to_lowercase();
    let path = folder.join(format!("{digest}.wasm"));
    obtain(&mut client, &format!("blobs/sha256:{digest}"), &digest, &path).await?;
    Ok(Fetched { path, digest })
}

/// The bytes with this lower-case digest: from the file if it has them, else from the registry, and then kept in the file.
async fn obtain(
    client: &mut Client<'_>,
    path: &str,
    digest: &str,
    file: &Path,
) -> Result<Vec<u8>, RegistryError> {
    let (place, wanted) = (file.to_owned(), digest.to_owned());
    let kept = FOLDER.run(move || {
        let bytes = small_file::read_blocking(&place, Purpose::PLUGIN)?;
        Ok(has_digest(&bytes, &wanted).then_some(bytes))
    });
    if let Ok(Some(bytes)) = kept.await {
        return Ok(bytes);
    }
    let bytes = client.get(path).await?;
    let (place, wanted) = (file.to_owned(), digest.to_owned());
    let kept = FOLDER.run(move || {
        if !has_digest(&bytes, &wanted) {
            return Ok(None);
        }
        keep(&place, &bytes)?;
        Ok(Some(bytes))
    });
    let bytes = kept
        .await
        .map_err(|source| RegistryError::Cache {
            path: file.to_owned(),
            source,
        })?
        .ok_or_else(|| {
            client.refused("the bytes do not have the digest that was asked for; ask the registry's owner")
        })?;
    info!(from = client.registry(), file = %file.display(), bytes = bytes.len(), "fetched a part of a plugin");
    Ok(bytes)
}

/// Whole or not at all: other hosts may share the folder, and this one may be killed. Only for the owner, and never through
/// a link that somebody put in the place.
fn keep(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let unfinished = file.with_extension(format!("{:016x}.part", u64::from_ne_bytes(random)));
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let kept = options
        .open(&unfinished)
        .and_then(|mut part| part.write_all(bytes))
        .and_then(|()| std::fs::rename(&unfinished, file));
    if kept.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    kept
}

/// A text out of a manifest, fit for a message: one bounded line.
fn shown(text: &str) -> String {
    printable(text).chars().take(LONGEST_SHOWN).collect()
}

fn has_digest(bytes: &[u8], digest: &str) -> bool {
    format!("{:x}", Sha256::digest(bytes)) == digest
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_fetched_is_for_its_owner_only_and_replaces_a_link_instead_of_following_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("below/a.wasm"), folder.path().join("other"));
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &file).unwrap();
        keep(&file, b"component").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"component");
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");
        let mode = std::fs::symlink_metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path().join("below")).unwrap().count(), 1);
    }
}
