//! The site: the pages are laid out as mdBook wants them, and what it made is checked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::markdown::links;
use super::pages::{Pages, SUMMARY, resolve};
use crate::cargo::{cargo, run, target_dir};

/// The release of mdBook; without what serves and watches, and unoptimised, it compiles in a minute.
const MDBOOK: &str = "mdbook@0.5.4";
const BOOK: &str = r#"[book]
title = "Headwater"
language = "en"
src = "src"

[build]
build-dir = "site"
create-missing = false

[output.html]
no-section-label = true

[output.html.print]
enable = false

[output.html.search]
limit-results = 20
"#;

/// Whether mdBook is installed, so that the site can be made in a second.
pub fn can_be_made() -> bool {
    program().exists()
}

/// Makes the site, and says where it begins.
pub fn make(pages: &Pages) -> Result<PathBuf> {
    let program = installed()?;
    let folder = target_dir().join("docs");
    let _ = fs::remove_dir_all(&folder);
    lay_out(pages, &folder)?;
    run(
        "building the site of the documentation",
        Command::new(program)
            .arg("build")
            .arg(&folder)
            .env("RUST_LOG", "warn"),
    )?;
    let site = folder.join("site");
    let dead = dead_links(&site, &site)?;
    if !dead.is_empty() {
        bail!("links of the site lead nowhere:\n{}", dead.join("\n"));
    }
    Ok(site.join("index.html"))
}

fn tools() -> PathBuf {
    target_dir().join("docs-tools")
}

fn program() -> PathBuf {
    tools().join("bin/mdbook")
}

/// mdBook, installed below the target folder when it is missing.
fn installed() -> Result<PathBuf> {
    let (tools, program) = (tools(), program());
    if !program.exists() {
        run(
            "installing mdBook",
            cargo(&["install", "--quiet", "--locked", "--debug", MDBOOK])
                .args(["--no-default-features", "--features", "search", "--root"])
                .arg(&tools)
                .arg("--target-dir")
                .arg(tools.join("build")),
        )?;
        // A quarter of a gigabyte that nothing needs any more.
        let _ = fs::remove_dir_all(tools.join("build"));
    }
    Ok(program)
}

/// Writes the pages as they lie in the repository, with the files that they link to beside them.
fn lay_out(pages: &Pages, folder: &Path) -> Result<()> {
    let source = folder.join("src");
    write(&folder.join("book.toml"), BOOK)?;
    let summary = fs::read_to_string(pages.on_disk(SUMMARY))?;
    write(&source.join("SUMMARY.md"), &from_the_root(&summary))?;
    for page in pages.listed() {
        let text = &pages.all()[page];
        let mut shown = text.clone();
        for link in links(text) {
            let (file, _) = link.split_once('#').unwrap_or((&link, ""));
            let target = resolve(page, file);
            let on_disk = pages.on_disk(&target);
            if pages.listed().contains(&target) {
                shown = shown.replace(&format!("]({link})"), &format!("]({})", as_index(&link)));
            } else if on_disk.is_file() && !target.ends_with(".md") {
                let copy = source.join(&target);
                make_parent(&copy)?;
                fs::copy(&on_disk, &copy).with_context(|| format!("cannot copy {}", on_disk.display()))?;
            } else {
                // A site has no listings of folders, and a list of its own in the place of the pages that list the others.
                shown = without_link(&shown, &link);
            }
        }
        write(&source.join(as_index(page)), &shown)?;
    }
    Ok(())
}

/// The summary with paths from the root of the repository.
fn from_the_root(summary: &str) -> String {
    let mut text = summary.to_owned();
    for link in links(summary) {
        let page = as_index(&resolve(SUMMARY, &link));
        text = text.replace(&format!("]({link})"), &format!("](/{page})"));
    }
    text.replace("](/", "](")
}

/// The page of a folder has the name that a web server shows.
fn as_index(page: &str) -> String {
    page.replace("README.md", "index.md")
}

/// The text with the words of a link and without its target.
fn without_link(text: &str, link: &str) -> String {
    let end = format!("]({link})");
    let mut parts = text.split(&end);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(start) = whole.rfind('[') {
            whole.remove(start);
        }
        whole += part;
    }
    whole
}

/// Links of the site's pages to files and anchors that are not in it.
fn dead_links(site: &Path, folder: &Path) -> Result<Vec<String>> {
    let mut dead = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            dead.extend(dead_links(site, &path)?);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            let page = fs::read_to_string(&path)?;
            // What is around it is mdBook's own.
            let main = page.split_once("<main").map_or("", |(_, rest)| rest);
            let main = main.split("</main>").next().unwrap_or_default();
            let links = main.split("href=\"").skip(1);
            for link in links.filter_map(|rest| rest.split('"').next()) {
                let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
                let target = match file {
                    "" => path.clone(),
                    _ => path.parent().unwrap_or(site).join(file),
                };
                if !link.contains("://") && !leads_somewhere(&target, anchor) {
                    dead.push(format!("{}: {link}", path.display()));
                }
            }
        }
    }
    Ok(dead)
}

fn leads_somewhere(target: &Path, anchor: &str) -> bool {
    if anchor.is_empty() || target.extension().is_none_or(|extension| extension != "html") {
        return target.is_file();
    }
    fs::read_to_string(target).is_ok_and(|page| page.contains(&format!("id=\"{anchor}\"")))
}

fn write(file: &Path, text: &str) -> Result<()> {
    make_parent(file)?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn make_parent(file: &Path) -> Result<()> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read_from_the_root() {
        let summary = "[H](../README.md)\n* [S](sinks.md)\n* [F](../collectors/f/README.md)";
        let expected = "[H](index.md)\n* [S](docs/sinks.md)\n* [F](collectors/f/index.md)";
        assert_eq!(from_the_root(summary), expected);
    }

    #[test]
    fn a_link_to_a_folder_keeps_its_words() {
        let text = "the [`folder/`](folder) and [another](other)";
        assert_eq!(without_link(text, "folder"), "the `folder/` and [another](other)");
    }
}
