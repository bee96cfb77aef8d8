//! What is text in a page of Markdown, and what it links to.

/// The links of a page that stay in the repository, as they are written: `[text](link)` and `[name]: link`, outside code.
pub fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines: Vec<&str> = outside_code(page).collect();
    // What is between backticks may go over the end of a line, and not over that of a paragraph.
    for paragraph in lines.split(|line| line.trim().is_empty()) {
        let text = without_code(&paragraph.join("\n"));
        for rest in text.split("](").skip(1) {
            found.extend(rest.split([')', ' ']).next().map(str::to_owned));
        }
        for line in text.lines() {
            if let Some((name, link)) = line.trim_start().split_once("]: ")
                && name.starts_with('[')
            {
                found.extend(link.split_whitespace().next().map(str::to_owned));
            }
        }
    }
    found.retain(|link| !link.contains("://") && !link.starts_with("mailto:"));
    found
}

/// The lines of a page that are not in a block of code.
pub fn outside_code(page: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

/// A paragraph without what is between backticks.
fn without_code(paragraph: &str) -> String {
    paragraph.split('`').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_text_and_not_in_code() {
        let page = "[a](b.md#c) and `[d](e.md)`, [`f`](g.md), `h\n[i](j.md)`\n```\n[h](i.md)\n```\n[j]: k.md\n[l](https://example.com)";
        assert_eq!(links(page), ["b.md#c", "g.md", "k.md"]);
    }
}
