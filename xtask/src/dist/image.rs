//! The container image: one archive in the layout of OCI, with an image for each platform. It holds what
//! `docs/recipes/Containerfile` puts into an image, which a test compares.

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::archive::{DATA, PROGRAM, Tree, gzip};
use super::contents::Contents;
use super::release::Release;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Nobody in particular: neither root nor a user that a machine has.
const USER: &str = "65532:65532";

/// The archive's file, and the archive.
pub fn make(release: &Release, all: &[Contents]) -> Result<(String, Vec<u8>)> {
    let mut layout = Layout::default();
    let manifests = all
        .iter()
        .map(|contents| image(release, contents, &mut layout))
        .collect::<Result<Vec<_>>>()?;
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let mut index = layout.add(INDEX, &serde_json::to_vec(&index)?);
    // The name that it has after `podman load`.
    let name = format!("localhost/headwater:{}", release.version);
    index["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
    let top = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [index] });
    layout.0.add("index.json", DATA, serde_json::to_vec(&top)?);
    layout.0.add(
        "oci-layout",
        DATA,
        br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice(),
    );
    Ok((
        format!("headwater-{}-image.tar", release.version),
        layout.0.tar("", release.time)?,
    ))
}

/// Adds the image for one platform, and describes its manifest.
fn image(release: &Release, contents: &Contents, layout: &mut Layout) -> Result<Value> {
    let mut files = Tree::default();
    files.add("usr/bin/headwater", PROGRAM, contents.program.clone());
    for (name, component) in &contents.components {
        files.add(format!("usr/lib/headwater/{name}"), DATA, component.clone());
    }
    let layer = files.tar("", release.time)?;
    let created = release.created();
    let mut labels = json!({
        "org.opencontainers.image.title": "headwater",
        "org.opencontainers.image.version": release.version,
        "org.opencontainers.image.licenses": release.license,
    });
    for (name, value) in [("source", &release.homepage), ("revision", &release.revision)] {
        if let Some(value) = value {
            labels[format!("org.opencontainers.image.{name}")] = json!(value);
        }
    }
    let config = json!({
        "created": created,
        "os": "linux",
        "architecture": contents.platform.architecture,
        "config": {
            "User": USER,
            "Entrypoint": ["/usr/bin/headwater"],
            "Cmd": ["run", "--config", "/etc/headwater/headwater.toml", "--log-format", "json"],
            "Labels": labels,
        },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        "history": [{ "created": created, "created_by": "cargo xtask dist" }],
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add(CONFIG, &serde_json::to_vec(&config)?),
        "layers": [layout.add(LAYER, &gzip(&layer)?)],
        "annotations": labels,
    });
    let mut described = layout.add(MANIFEST, &serde_json::to_vec(&manifest)?);
    described["platform"] = json!({ "os": "linux", "architecture": contents.platform.architecture });
    Ok(described)
}

/// Files by their digests.
#[derive(Default)]
struct Layout(Tree);

impl Layout {
    /// Adds a blob and describes it.
    fn add(&mut self, media_type: &str, blob: &[u8]) -> Value {
        let digest = digest(blob);
        self.0
            .add(format!("blobs/{}", digest.replace(':', "/")), DATA, blob);
        json!({ "mediaType": media_type, "digest": digest, "size": blob.len() })
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}
