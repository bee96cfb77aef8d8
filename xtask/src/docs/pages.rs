//! The pages, and the order in which `docs/SUMMARY.md` lists them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::markdown::links;

/// The order of the pages, as mdBook reads it.
pub const SUMMARY: &str = "docs/SUMMARY.md";
/// Folders with pages; deeper ones are looked through, too.
const FOLDERS: [&str; 5] = ["docs", "collectors", "sdk", "tests", "fixtures"];
/// Folders of these names hold what tools have written.
const NOT_OURS: [&str; 4] = ["target", "node_modules", "venv", "_build"];

/// Every page for people, by its path from the root of the repository.
#[derive(Debug)]
pub struct Pages {
    root: PathBuf,
    texts: BTreeMap<String, String>,
    listed: Vec<String>,
}

impl Pages {
    /// Reads them all.
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        find(root, &mut files, false)?;
        for folder in FOLDERS {
            find(&root.join(folder), &mut files, true)?;
        }
        let mut texts = BTreeMap::new();
        for file in files {
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(root)?.to_string_lossy().into_owned();
            texts.insert(name, text);
        }
        let summary = texts
            .remove(SUMMARY)
            .with_context(|| format!("{SUMMARY} is missing"))?;
        let listed: Vec<String> = links(&summary)
            .iter()
            .map(|link| resolve(SUMMARY, link))
            .collect();
        for page in &listed {
            ensure!(
                texts.contains_key(page),
                "{SUMMARY} lists {page}, which does not exist"
            );
        }
        Ok(Self {
            root: root.to_owned(),
            texts,
            listed,
        })
    }

    /// The text of each, by its path.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// Those of the summary, in its order.
    pub fn listed(&self) -> &[String] {
        &self.listed
    }

    /// Where a path from the root is on the disk.
    pub fn on_disk(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Pages that the summary does not list, or lists twice. The page of contents is the summary for people.
    #[cfg(test)]
    pub fn missing_in_summary(&self) -> Vec<String> {
        let count = |page: &String| self.listed.iter().filter(|listed| *listed == page).count();
        self.texts
            .keys()
            .filter(|page| *page != "docs/README.md" && count(page) != 1)
            .cloned()
            .collect()
    }

    /// What a page links to in the repository, by its path from the root.
    #[cfg(test)]
    pub fn links_of(&self, page: &str) -> Vec<String> {
        let text = self.texts.get(page).map(String::as_str).unwrap_or_default();
        links(text)
            .iter()
            .map(|link| resolve(page, link.split('#').next().unwrap_or_default()))
            .collect()
    }
}

/// Adds the pages of a folder.
fn find(folder: &Path, found: &mut Vec<PathBuf>, deep: bool) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let ours = !NOT_OURS.iter().any(|name| entry.file_name() == *name);
        if entry.file_type()?.is_dir() {
            if deep && ours {
                find(&path, found, deep)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(())
}

/// The path from the root that a link of a page means; a link to the page itself has no path.
pub fn resolve(page: &str, link: &str) -> String {
    if link.is_empty() {
        return page.to_owned();
    }
    let folder = Path::new(page).parent().unwrap_or(Path::new(""));
    let mut parts: Vec<String> = Vec::new();
    for part in folder.join(link).components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            _ => {}
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_resolved_from_the_folder_of_its_page() {
        assert_eq!(resolve("docs/recipes/vector.md", "../sinks.md"), "docs/sinks.md");
        assert_eq!(resolve("docs/README.md", "../README.md"), "README.md");
        assert_eq!(resolve("docs/host.md", ""), "docs/host.md");
        assert_eq!(resolve("README.md", "docs/host.md"), "docs/host.md");
    }
}
