//! Archives that are the same bytes whoever makes them: sorted, owned by root, of one time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// Mode of programs and directories.
pub const PROGRAM: u32 = 0o755;
/// Mode of everything else.
pub const DATA: u32 = 0o644;

/// Files with their modes, by their paths in an archive.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, (u32, Vec<u8>)>,
}

impl Tree {
    /// Adds a file with this content.
    pub fn add(&mut self, path: impl Into<String>, mode: u32, content: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), (mode, content.into()));
    }

    /// Adds a copy of a file.
    pub fn copy(&mut self, path: impl Into<String>, mode: u32, from: &Path) -> Result<()> {
        let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.add(path, mode, content);
        Ok(())
    }

    /// Every file's path and content.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(path, (_, content))| (path.as_str(), content.as_slice()))
    }

    /// A tar archive of it below `prefix`, a path that ends with a slash or nothing; everything has the time `time`, in
    /// seconds.
    pub fn tar(&self, prefix: &str, time: u64) -> Result<Vec<u8>> {
        let mut archive = Builder::new(Vec::new());
        let mut directories = BTreeSet::new();
        for (path, (mode, content)) in &self.files {
            let path = format!("{prefix}{path}");
            // Each directory once, before what is in it.
            for (end, _) in path.match_indices('/') {
                let directory = &path[..=end];
                if directory != "./" && directories.insert(directory.to_owned()) {
                    append(&mut archive, EntryType::Directory, directory, PROGRAM, time, &[])?;
                }
            }
            append(&mut archive, EntryType::Regular, &path, *mode, time, content)?;
        }
        Ok(archive.into_inner()?)
    }
}

fn append(
    archive: &mut Builder<Vec<u8>>,
    kind: EntryType,
    path: &str,
    mode: u32,
    time: u64,
    content: &[u8],
) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(time);
    header.set_size(content.len() as u64);
    archive
        .append_data(&mut header, path, content)
        .with_context(|| format!("cannot put {path} into an archive"))
}

/// The content compressed, without a name and a time. What people read is pressed as hard as Debian asks for; a program
/// gets no smaller by that, only slower.
pub fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let level = if content.len() < 1 << 20 {
        Compression::best()
    } else {
        Compression::default()
    };
    let mut encoder = GzBuilder::new().write(Vec::new(), level);
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_every_directory_before_its_files_and_nothing_of_this_machine() {
        let mut tree = Tree::default();
        tree.add("share/doc/b", DATA, "b");
        tree.add("bin/a", PROGRAM, "a");
        tree.add("share/doc/a", DATA, "a");
        let bytes = tree.tar("headwater/", 7).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(
                (
                    header.uid().unwrap(),
                    header.gid().unwrap(),
                    header.mtime().unwrap()
                ),
                (0, 0, 7)
            );
            found.push((
                String::from_utf8(entry.path_bytes().into_owned()).unwrap(),
                header.mode().unwrap(),
            ));
        }
        let expected = [
            ("headwater/", PROGRAM),
            ("headwater/bin/", PROGRAM),
            ("headwater/bin/a", PROGRAM),
            ("headwater/share/", PROGRAM),
            ("headwater/share/doc/", PROGRAM),
            ("headwater/share/doc/a", DATA),
            ("headwater/share/doc/b", DATA),
        ];
        assert_eq!(found, expected.map(|(path, mode)| (path.to_owned(), mode)));
    }
}
