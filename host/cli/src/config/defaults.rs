//! `[defaults]`: what is below every `[[source]]`.

use toml::{Table, Value};

use super::written::is_reference;

/// Puts the defaults below a source's own keys: tables are merged key by key, everything else is replaced.
///
/// Two kinds of tables are one value, so that they are replaced whole: where a secret is kept (`{ env = … }` is not to become `{ env = …, file = … }`),
/// and a table of another `type`, whose keys mean something else.
pub(super) fn merge(own: &mut Table, defaults: &Table) {
    for (key, default) in defaults {
        match (own.get_mut(key), default) {
            (None, _) => {
                own.insert(key.clone(), default.clone());
            }
            (Some(Value::Table(own)), Value::Table(default)) if !is_one_value(own, default) => {
                merge(own, default);
            }
            (Some(_), _) => {}
        }
    }
}

fn is_one_value(own: &Table, default: &Table) -> bool {
    let is_other_type = own.get("type").is_some() && own.get("type") != default.get("type");
    is_reference(own) || is_reference(default) || is_other_type
}

/// A problem with the key of a source, laid at the door of `[defaults]` if the key comes from there. Problems begin with
/// `label` and a key.
pub(super) fn blame(problem: String, label: &str, own: &Table, defaults: &Table) -> String {
    let key_and_reason = problem
        .strip_prefix(label)
        .and_then(|rest| rest.strip_prefix('.'));
    let Some((key, reason)) = key_and_reason.and_then(|rest| rest.split_once(": ")) else {
        return problem;
    };
    if has(own, key) || !has(defaults, key) {
        return problem;
    }
    format!("defaults.{key}: {reason}")
}

/// Whether a table has what this path leads to.
fn has(table: &Table, path: &str) -> bool {
    let (key, rest) = path
        .split_once('.')
        .map_or((path, None), |(key, rest)| (key, Some(rest)));
    // The place in a list: lists are replaced as a whole, so all of it is where the list is.
    let (key, rest) = key.split_once('[').map_or((key, rest), |(key, _)| (key, None));
    match (table.get(key), rest) {
        (Some(Value::Table(table)), Some(rest)) => has(table, rest),
        (found, _) => found.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn own_keys_win_tables_are_merged_and_lists_are_replaced() {
        let mut own = table("a = 1\nlist = [1]\n[t]\nx = 1\n[t.u]\ny = 1");
        merge(
            &mut own,
            &table("a = 2\nb = 2\nlist = [2, 3]\n[t]\nx = 2\nz = 2\n[t.u]\nw = 2\n[n]\nm = 2"),
        );
        let expected = "a = 1\nb = 2\nlist = [1]\n[t]\nx = 1\nz = 2\n[t.u]\ny = 1\nw = 2\n[n]\nm = 2";
        assert_eq!(own, table(expected));
    }

    #[test]
    fn the_place_of_a_secret_and_a_sink_of_another_type_are_replaced_whole() {
        let defaults = table(
            "secret = { file = \"f\", bound_to = \"https://a.example\" }\nsink = { type = \"file\", path = \"p\" }",
        );
        for own in [
            "secret = { env = \"E\" }\nsink = { type = \"stdout\" }",
            "secret = { secret = \"vault\", key = \"k\" }\nsink = { type = \"http\", url = \"u\" }",
        ] {
            let mut merged = table(own);
            merge(&mut merged, &defaults);
            assert_eq!(merged, table(own));
        }
        let mut same = table("secret = \"written\"\nsink = { type = \"file\", rotate_size = \"1MB\" }");
        merge(&mut same, &defaults);
        assert_eq!(
            same,
            table("secret = \"written\"\nsink = { type = \"file\", rotate_size = \"1MB\", path = \"p\" }")
        );
    }

    #[test]
    fn a_problem_is_named_where_it_is_written() {
        let defaults = table("intervall = 1\nlist = [1]\n[sink]\ntype = \"kafka\"");
        let own = table("name = \"x\"\n[sink]\npath = 1");
        let label = "source \"x: y\"";
        for (problem, expected) in [
            (
                "source \"x: y\".intervall: unknown",
                "defaults.intervall: unknown",
            ),
            (
                "source \"x: y\".list[0]: bad: very",
                "defaults.list[0]: bad: very",
            ),
            (
                "source \"x: y\".sink.type: unknown",
                "defaults.sink.type: unknown",
            ),
            (
                "source \"x: y\".sink.path: must be text",
                "source \"x: y\".sink.path: must be text",
            ),
            (
                "source \"x: y\".plugin: missing",
                "source \"x: y\".plugin: missing",
            ),
        ] {
            assert_eq!(blame(problem.to_owned(), label, &own, &defaults), expected);
        }
    }
}
