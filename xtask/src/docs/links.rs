//! Links of pages: that files and headings are there. Addresses of the web are not asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::markdown::{links, outside_code};
use super::pages::{Pages, resolve};

/// Every link that leads nowhere, one a line, with its page.
pub fn problems(pages: &Pages) -> Vec<String> {
    let anchors: BTreeMap<&String, BTreeSet<String>> = pages
        .all()
        .iter()
        .map(|(page, text)| (page, anchors(text)))
        .collect();
    let mut problems = Vec::new();
    for (page, text) in pages.all() {
        for link in links(text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = resolve(page, file);
            if !pages.on_disk(&target).exists() {
                problems.push(format!("{page}: {link}: there is no file {target}"));
            } else if let Some(known) = anchors.get(&target)
                && !anchor.is_empty()
                && !known.contains(anchor)
            {
                problems.push(format!("{page}: {link}: {target} has no heading of that name"));
            }
        }
    }
    problems
}

/// The anchors of a page's headings, as viewers of repositories and mdBook make them: a repeated one is numbered.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for title in outside_code(page).filter_map(|line| {
        line.trim_start_matches('#')
            .strip_prefix(' ')
            .filter(|_| line.starts_with('#'))
    }) {
        let plain: String = shown(title)
            .to_lowercase()
            .replace(' ', "-")
            .chars()
            .filter(|char| char.is_alphanumeric() || "-_".contains(*char))
            .collect();
        let repeated = (1..).map(|number| format!("{plain}-{number}"));
        if let Some(anchor) = std::iter::once(plain.clone())
            .chain(repeated)
            .find(|anchor| !found.contains(anchor))
        {
            found.insert(anchor);
        }
    }
    found
}

/// A heading without the targets of its links.
fn shown(title: &str) -> String {
    let mut parts = title.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += part.split_once(')').map_or("", |(_, rest)| rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_has_the_anchor_that_viewers_give_it() {
        let page = "# The log (`cli/src/log/`)\n## Same\n## Same\n```\n# no heading\n```\n## [To](x.md) it";
        let expected = ["same", "same-1", "the-log-clisrclog", "to-it"];
        assert_eq!(anchors(page), expected.map(str::to_owned).into());
    }
}
