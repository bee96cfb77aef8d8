//! Compiled plugins, kept for the next start.
//!
//! What is kept is native code, which runs outside of every sandbox. So a file is used only if nobody but this user can have
//! written it, if it says that it is of this very plugin and engine, and if its content has the digest that it had when it
//! was written. Whoever can write as this user can replace the program itself, too.

#![expect(
    clippy::disallowed_methods,
    reason = "plugins are loaded on threads that may wait"
)]

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use tracing::{debug, warn};

use super::native::Artifact;

/// How a kept file begins; another layout has another number.
const FORMAT: &str = "headwater-compiled-1";
/// How the names of kept files end.
const EXTENSION: &str = "compiled";
/// Bytes of all kept files together. The least recently used ones make room.
const LARGEST: u64 = 512 << 20;
/// Bytes of the line before the artifact: three digests and the format.
const LONGEST_HEAD: usize = 256;

/// `[cache] path`: where compiled plugins are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CachePlace {
    /// Nowhere: each start of the program compiles its plugins.
    #[default]
    Off,
    /// `headwater` in the user's folder for caches, which the environment variables `XDG_CACHE_HOME` and `HOME` say. It is made if
    /// need be.
    Usual,
    /// This folder, which is made if need be. Nobody else may be able to write in it.
    Folder(PathBuf),
}

/// What an artifact is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key<'a> {
    /// SHA-256 of the plugin.
    pub(super) plugin: &'a str,
    /// SHA-256 of everything about this program that the compiled code depends on.
    pub(super) engine: &'a str,
}

impl Key<'_> {
    fn file(&self) -> String {
        let both = format!("{FORMAT} {} {}", self.plugin, self.engine);
        format!("{:x}.{EXTENSION}", Sha256::digest(both))
    }

    fn head(&self, artifact: &[u8]) -> String {
        let digest = format!("{:x}", Sha256::digest(artifact));
        format!("{FORMAT} {} {} {digest}\n", self.plugin, self.engine)
    }
}

/// The folder, if there is one that can be used.
#[derive(Debug)]
pub(super) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// Makes the folder if need be. Where that fails nothing is kept, which costs time at each start and nothing else.
    pub(super) fn open(place: &CachePlace) -> Self {
        let folder = match place {
            CachePlace::Off => None,
            CachePlace::Folder(folder) => Some(folder.clone()),
            CachePlace::Usual => usual_folder(),
        };
        let folder = folder.filter(|folder| match make_private(folder) {
            Ok(()) => true,
            Err(problem) => {
                warn!(
                    folder = %folder.display(),
                    "compiled plugins are not kept, so each start compiles them again: {problem}; set `cache.path` to a \
                     folder that only this user can write, or to false"
                );
                false
            }
        });
        Self { folder }
    }

    /// What was kept, if it is whole and right, and has at most so many bytes of code. More is not read: whoever compiles it again
    /// says what it exceeds.
    pub(super) fn load(&self, key: Key<'_>, code: u64) -> Option<Artifact> {
        let path = self.folder.as_ref()?.join(key.file());
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(file = %path.display(), %error, "a kept compiled plugin cannot be read; it is compiled again");
                return None;
            }
        };
        match read_checked(&file, key, code.min(LARGEST)) {
            Ok(None) => None,
            Ok(Some(artifact)) => {
                // The least recently used ones make room for others.
                let _ = file.set_modified(SystemTime::now());
                Some(Artifact::verified(artifact))
            }
            Err(problem) => {
                warn!(file = %path.display(), "a kept compiled plugin {problem}; it is compiled again");
                let _ = std::fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps an artifact.
    pub(super) fn store(&self, key: Key<'_>, artifact: &Artifact) {
        let Some(folder) = &self.folder else {
            return;
        };
        let artifact = artifact.as_bytes();
        if artifact.len() as u64 > LARGEST {
            return;
        }
        if let Err(error) = write(folder, key, artifact).and_then(|()| make_room(folder)) {
            warn!(folder = %folder.display(), %error, "a compiled plugin is not kept for the next start; check `cache.path` and its disk");
        }
    }
}

/// `$XDG_CACHE_HOME/headwater`, or `~/.cache/headwater`.
fn usual_folder() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    if caches.is_none() {
        debug!("neither XDG_CACHE_HOME nor HOME is set: compiled plugins are not kept");
    }
    Some(caches?.join("headwater"))
}

/// Makes a folder for this user alone, and checks that it is one.
fn make_private(folder: &Path) -> Result<(), String> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| error.to_string())?;
    check_private(folder)
}

#[cfg(unix)]
fn check_private(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let about = std::fs::metadata(folder).map_err(|error| error.to_string())?;
    if about.uid() != rustix::process::geteuid().as_raw() {
        return Err("the folder belongs to another user".to_owned());
    }
    if about.mode() & 0o022 != 0 {
        return Err(format!(
            "others can write the folder (mode {:o})",
            about.mode() & 0o7777
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_: &Path) -> Result<(), String> {
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits() as i32);
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// The artifact in a file, if everything is as it was written; none if it is larger than so many bytes.
fn read_checked(file: &File, key: Key<'_>, largest: u64) -> Result<Option<Vec<u8>>, String> {
    let largest = largest + key.head(&[]).len() as u64;
    let mut bytes = Vec::new();
    file.take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read ({error})"))?;
    if bytes.len() as u64 > largest {
        return Ok(None);
    }
    let head = bytes.iter().take(LONGEST_HEAD).position(|byte| *byte == b'\n');
    let Some(end) = head else {
        return Err("is damaged".to_owned());
    };
    let artifact = bytes.split_off(end + 1);
    if bytes != key.head(&artifact).as_bytes() {
        return Err("is damaged or of another plugin".to_owned());
    }
    Ok(Some(artifact))
}

/// Whole or not at all: other hosts may use the folder, and this one may be killed.
fn write(folder: &Path, key: Key<'_>, artifact: &[u8]) -> io::Result<()> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let unfinished = folder.join(format!("{:016x}.part", u64::from_ne_bytes(random)));
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    let written = file
        .write_all(key.head(artifact).as_bytes())
        .and_then(|()| file.write_all(artifact))
        .and_then(|()| file.sync_data())
        .and_then(|()| std::fs::rename(&unfinished, folder.join(key.file())));
    if written.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    written
}

/// Removes what was not used for longest until the rest is small enough.
fn make_room(folder: &Path) -> io::Result<()> {
    let mut kept: Vec<(SystemTime, u64, PathBuf)> = std::fs::read_dir(folder)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let about = entry.metadata().ok()?;
            let path = entry.path();
            let is_ours = path.extension().is_some_and(|extension| extension == EXTENSION);
            (is_ours && about.is_file()).then_some((about.modified().ok()?, about.len(), path))
        })
        .collect();
    kept.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
    let mut bytes = 0;
    for (_, size, path) in kept {
        bytes += size;
        if bytes > LARGEST {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'static> = Key {
        plugin: "aa",
        engine: "bb",
    };
    const CODE: &[u8] = b"machine code";

    fn cache() -> (tempfile::TempDir, PathBuf, Cache) {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("below/cache");
        let cache = Cache::open(&CachePlace::Folder(folder.clone()));
        cache.store(KEY, &Artifact::verified(CODE.to_vec()));
        (parent, folder, cache)
    }

    fn code(cache: &Cache, key: Key<'_>) -> Option<Vec<u8>> {
        cache
            .load(key, LARGEST)
            .map(|artifact| artifact.as_bytes().to_vec())
    }

    #[test]
    fn nothing_is_kept_and_no_environment_read_unless_that_is_asked_for() {
        assert_eq!(Cache::open(&CachePlace::default()).folder, None);
    }

    #[test]
    fn what_was_kept_is_found_under_its_own_key_only() {
        let (_parent, _folder, cache) = cache();
        assert_eq!(code(&cache, KEY).as_deref(), Some(CODE));
        assert_eq!(code(&cache, Key { plugin: "ab", ..KEY }), None);
        assert_eq!(code(&cache, Key { engine: "bc", ..KEY }), None);
    }

    #[test]
    fn any_flipped_bit_any_cut_and_any_addition_is_noticed_and_thrown_away() {
        let (_parent, folder, cache) = cache();
        let path = folder.join(KEY.file());
        let whole = std::fs::read(&path).unwrap();
        let flips = (0..whole.len() * 8).map(|bit| {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            damaged
        });
        let cuts = (0..whole.len()).map(|end| whole[..end].to_vec());
        let longer = [[whole.as_slice(), b"x"].concat(), vec![0; 4_096]];
        for damaged in flips.chain(cuts).chain(longer) {
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(code(&cache, KEY), None, "{}", String::from_utf8_lossy(&damaged));
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_is_larger_than_may_be_loaded_is_not_read_and_stays_for_those_who_may() {
        let (_parent, folder, cache) = cache();
        let most = CODE.len() as u64;
        assert!(cache.load(KEY, most - 1).is_none());
        assert!(folder.join(KEY.file()).exists());
        assert!(cache.load(KEY, most).is_some());
    }

    #[test]
    fn the_code_of_another_plugin_under_this_name_is_not_taken() {
        let (_parent, folder, cache) = cache();
        let other = Key { plugin: "cc", ..KEY };
        cache.store(other, &Artifact::verified(b"other code".to_vec()));
        std::fs::copy(folder.join(other.file()), folder.join(KEY.file())).unwrap();
        assert_eq!(code(&cache, KEY), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_that_others_can_write_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let (_parent, folder, _cache) = cache();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(KEY.file()))), (0o700, 0o600));
        for open_to_others in [0o720, 0o702, 0o777] {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(open_to_others)).unwrap();
            let cache = Cache::open(&CachePlace::Folder(folder.clone()));
            assert_eq!(code(&cache, KEY), None, "{open_to_others:o}");
        }
    }

    #[test]
    fn without_a_folder_nothing_is_kept_and_nothing_fails() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for place in [CachePlace::Off, CachePlace::Folder(file.path().join("below"))] {
            let cache = Cache::open(&place);
            cache.store(KEY, &Artifact::verified(CODE.to_vec()));
            assert_eq!(code(&cache, KEY), None, "{place:?}");
        }
    }

    #[test]
    fn the_least_recently_used_make_room() {
        let (_parent, folder, cache) = cache();
        for (age, name) in ["b", "a", "c"].into_iter().enumerate() {
            let path = folder.join(name).with_extension(EXTENSION);
            let file = File::create(&path).unwrap();
            file.set_len(LARGEST / 2 - 4_096).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(60 * (age as u64 + 1)))
                .unwrap();
        }
        make_room(&folder).unwrap();
        let is_kept = |name: &str| folder.join(name).with_extension(EXTENSION).exists();
        assert!(is_kept("b") && is_kept("a") && !is_kept("c"));
        assert!(code(&cache, KEY).is_some());
    }
}
