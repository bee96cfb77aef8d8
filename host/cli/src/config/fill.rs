//! `{source}` in values: the name of the source that they are of.

use toml::{Table, Value};

/// What is said of a brace that means nothing. Without the text it is in, which may be a secret.
const STRAY: &str = "has a brace that is not part of `{source}`; write `{{` and `}}` for braces themselves";

/// Puts the name of the source into all text values of its table, but its name. Returns the problems, each with its key.
pub(super) fn fill(table: &mut Table, source: &str) -> Vec<(String, &'static str)> {
    let mut problems = Vec::new();
    for (key, value) in table.iter_mut().filter(|(key, _)| *key != "name") {
        fill_value(value, source, key, &mut problems);
    }
    problems
}

fn fill_value(value: &mut Value, source: &str, path: &str, problems: &mut Vec<(String, &'static str)>) {
    match value {
        Value::String(text) => match filled(text, source) {
            Some(filled) => *text = filled,
            None => problems.push((path.to_owned(), STRAY)),
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill_value(item, source, &format!("{path}[{index}]"), problems);
            }
        }
        Value::Table(table) => {
            for (key, value) in table.iter_mut() {
                fill_value(value, source, &format!("{path}.{key}"), problems);
            }
        }
        _ => {}
    }
}

/// The text with the name in its places; none if it has a stray brace.
fn filled(text: &str, source: &str) -> Option<String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        // The way of other programs to name variables is not ours: where it is a mistake, that is said better elsewhere.
        if filled.ends_with('$')
            && let Some(end) = rest.find('}').filter(|_| rest.starts_with('{'))
        {
            filled.push_str(&rest[..=end]);
            rest = &rest[end + 1..];
            continue;
        }
        let (after, meaning) = [("{{", "{"), ("}}", "}"), ("{source}", source)]
            .into_iter()
            .find_map(|(written, meaning)| Some((rest.strip_prefix(written)?, meaning)))?;
        filled.push_str(meaning);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_and_braces_are_put_in_and_stray_braces_are_found() {
        for (text, expected) in [
            ("", Some("")),
            ("out/{source}.ndjson", Some("out/x.ndjson")),
            ("{source}{source}", Some("xx")),
            ("{{source}}", Some("{source}")),
            ("{{{source}}}", Some("{x}")),
            ("ä{{ö}}", Some("ä{ö}")),
            ("${source}", Some("${source}")),
            ("a ${X} {source}", Some("a ${X} x")),
            ("{", None),
            ("${", None),
            ("}", None),
            ("{name}", None),
            ("{source", None),
            ("{{}", None),
        ] {
            assert_eq!(filled(text, "x").as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn every_text_but_the_name_is_filled_and_problems_name_their_key() {
        let text = "name = \"{\"\na = [\"{source}\", 1, { b = \"{\" }]\nc = { d = \"hunter{2}\" }";
        let mut table: Table = text.parse().unwrap();
        let problems = fill(&mut table, "x");
        let keys: Vec<_> = problems.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["a[2].b", "c.d"]);
        assert!(!format!("{problems:?}").contains("hunter"));
        assert_eq!(table["a"][0].as_str(), Some("x"));
        assert_eq!(table["name"].as_str(), Some("{"));
    }
}
