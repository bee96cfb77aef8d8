//! A registry with one plugin in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::artifacts;
use crate::collector::listener;

/// What a manifest calls itself.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A plugin as `wkg oci push` writes it.
pub struct Image {
    pub component: Vec<u8>,
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
}

impl Image {
    pub fn of(component: &Path, layer: &str) -> Self {
        let component = fs::read(component).expect("it was built");
        let config = json!({ "architecture": "wasm", "os": "wasip2", "layerDigests": [digest(&component)] });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": digest(&config),
                "size": config.len(),
            },
            "layers": [{ "mediaType": layer, "digest": digest(&component), "size": component.len() }],
        });
        Self {
            component,
            config,
            manifest: manifest.to_string().into_bytes(),
        }
    }
}

pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// A registry that wants a token even of readers without a name, and keeps contents elsewhere, as public ones do. Lives
/// as long as the test process.
pub struct Registry {
    address: SocketAddr,
    pub manifest: String,
    pub component: String,
    contents: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    pub fn with_plugin(layer: &str) -> Self {
        let image = Image::of(artifacts::example_source(), layer);
        let listener = listener();
        let registry = Self {
            address: listener.local_addr().expect("it is bound"),
            manifest: digest(&image.manifest),
            component: digest(&image.component),
            contents: Arc::default(),
            asked: Arc::default(),
        };
        let manifest = format!("/v2/team/feed/manifests/{}", registry.manifest);
        registry.put(&manifest, image.manifest);
        registry.put("/storage", image.component);
        registry.serve(listener);
        registry
    }

    pub fn reference(&self) -> String {
        format!("oci://{}/team/feed@{}", self.address, self.manifest)
    }

    pub fn put(&self, path: &str, content: Vec<u8>) {
        let mut contents = self.contents.lock().expect("nobody panics with it");
        contents.insert(path.to_owned(), content);
    }

    /// Path and authorization of every request.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }

    fn serve(&self, listener: TcpListener) {
        let address = self.address;
        let (contents, asked) = (self.contents.clone(), self.asked.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let Some((path, authorization)) = read_head(&mut reader) else {
                    continue;
                };
                let contents = contents.lock().expect("nobody panics with it");
                let answer = answer(address, &contents, &path, &authorization);
                asked
                    .lock()
                    .expect("nobody panics with it")
                    .push(format!("{path} {authorization}"));
                let _ = reader.get_mut().write_all(&answer);
            }
        });
    }
}

fn read_head(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut authorization = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? <= 2 {
            return Some((path, authorization));
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            value.trim().clone_into(&mut authorization);
        }
    }
}

fn answer(
    address: SocketAddr,
    contents: &BTreeMap<String, Vec<u8>>,
    path: &str,
    authorization: &str,
) -> Vec<u8> {
    let respond = |status: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    if path.starts_with("/token?") {
        return respond(
            "200 OK",
            br#"{"token":"for readers","access_token":"for readers"}"#,
        );
    }
    if path.starts_with("/v2/") && authorization != "Bearer for readers" {
        let challenge = format!(
            "401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://{address}/token\",service=\"a registry\",\
             scope=\"repository:team/feed:pull\""
        );
        return respond(&challenge, b"");
    }
    if path.starts_with("/v2/team/feed/blobs/") {
        return respond("307 Temporary Redirect\r\nlocation: /storage", b"");
    }
    match contents.get(path) {
        Some(content) => respond("200 OK", content),
        None => respond("404 Not Found", b""),
    }
}
