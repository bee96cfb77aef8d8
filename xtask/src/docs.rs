//! `cargo xtask docs`: the pages of the documentation as a site with a search.
//!
//! The pages stay what they are on the disk and in every viewer of a repository. mdBook, which makes the site, is a program
//! that is installed when it is missing; nothing that the gate compiles depends on it.

mod links;
mod markdown;
mod pages;
mod site;

use anyhow::{Result, bail};

use crate::cargo::root;
use pages::Pages;

/// Makes the site where that needs no installation, for the gate.
pub fn docs_if_installed() -> Result<()> {
    if site::can_be_made() {
        docs()
    } else {
        eprintln!("xtask: not building the site: mdBook is not installed (.ci/run does)");
        Ok(())
    }
}

/// Checks every link, then makes the site.
pub fn docs() -> Result<()> {
    let pages = Pages::read(root())?;
    let problems = links::problems(&pages);
    if !problems.is_empty() {
        bail!("links lead nowhere:\n{}", problems.join("\n"));
    }
    let index = site::make(&pages)?;
    eprintln!("xtask: built {}", index.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_and_every_anchor_of_every_page_leads_somewhere() {
        let pages = Pages::read(root()).expect("the pages can be read");
        assert!(pages.all().len() > 40, "only {} pages", pages.all().len());
        assert_eq!(links::problems(&pages), Vec::<String>::new());
    }

    #[test]
    fn every_page_is_in_the_summary_once_and_on_the_page_of_contents() {
        let pages = Pages::read(root()).expect("the pages can be read");
        assert_eq!(pages.missing_in_summary(), Vec::<String>::new());
        let contents = pages.links_of("docs/README.md");
        for page in pages.listed() {
            let project = ["CHANGELOG.md", "SECURITY.md"].contains(&page.as_str());
            assert!(
                project || contents.contains(page) || page.starts_with("docs/recipes/"),
                "docs/README.md does not name {page}"
            );
        }
    }
}
