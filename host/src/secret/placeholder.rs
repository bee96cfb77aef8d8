//! Texts that somebody meant to replace by a secret, and did not.

/// What is wrong with a secret that is none, said without repeating it; none for everything else.
///
/// Only what hardly any generator of secrets makes is refused: a true secret must never be.
pub fn problem(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if names_variable(text) {
        Some(
            "looks like the name of a variable; variables are not replaced in the configuration, write for example \
             { env = \"VARIABLE\" } instead",
        )
    } else if is_filler(text) {
        Some("looks like a placeholder of an example; put the secret in its place")
    } else {
        None
    }
}

/// `${NAME}` and `{{ name }}` anywhere, `$(command)`, `{ name }`, `$NAME` and `%NAME%` alone.
fn names_variable(text: &str) -> bool {
    let encloses = |open: &str, close: &str| {
        let inside = text.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        inside.is_some_and(|(name, _)| !name.is_empty())
    };
    let is_name = |name: &str| {
        name.len() > 1
            && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let is_constant = |name: &str| is_name(name) && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let between = |open: &str, close: &str| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    encloses("${", "}")
        || encloses("{{", "}}")
        || between("$(", ")").is_some()
        || between("{", "}").is_some_and(|name| is_name(name.trim()))
        || text.strip_prefix('$').is_some_and(is_constant)
        || text.strip_prefix("$env:").is_some_and(is_name)
        || between("%", "%").is_some_and(is_name)
}

/// `<your secret>`, `xxxx`, `****`, `your-client-secret`, `insert-token-here`, `replace-me`.
fn is_filler(text: &str) -> bool {
    let repeats = text.len() >= 4
        && ['x', 'X', '*', '.', '…', '-', '_']
            .iter()
            .any(|filler| text.chars().all(|letter| letter == *filler));
    let words = text.to_lowercase().replace(['-', '_', '.'], " ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let speaks = matches!(
        words[..],
        ["your", .., "here" | "secret" | "token" | "key" | "password"]
            | ["insert" | "put" | "paste" | "enter", .., "here"]
            | ["replace", "me" | "this"]
            | ["replaceme" | "todo" | "placeholder" | "redacted"]
    );
    repeats || speaks || (text.len() > 2 && text.starts_with('<') && text.ends_with('>'))
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn what_was_meant_to_be_replaced_is_no_secret() {
        for text in [
            "${AZURE_CLIENT_SECRET}",
            "${env:SECRET}",
            "Bearer ${TOKEN}",
            "{{ secret }}",
            "{ secret }",
            "$(cat secret)",
            "$SECRET",
            "$env:SECRET",
            "%AZURE_SECRET%",
            "<secret>",
            "<your secret here>",
            "xxxxxxxx",
            "XXXX",
            "****",
            "........",
            "your-client-secret",
            "YOUR_TOKEN",
            "your secret here",
            "insert-token-here",
            "replace-me",
            "TODO",
            " ${PADDED} ",
        ] {
            assert!(problem(text).is_some(), "{text}");
        }
    }

    #[test]
    fn secrets_are_secrets_however_odd() {
        for text in [
            "lab8Q~wNXk-3Y.7_secret",
            "p@ss w+rd&x=\"\\%7/end",
            "$2y$10$abcdefghijklmnopqrstuv",
            "100%",
            "%7B%7D",
            "$1",
            "$ecret",
            "a$NAME",
            "x",
            "secret",
            "changeme",
            "hunter2",
            "{\"type\": \"service_account\"}",
            "<",
            "<>",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "eyJhbGciOi.eyJzdWIi.c2ln",
            "$",
            "${",
            "%%",
        ] {
            assert_eq!(problem(text), None, "{text}");
        }
    }
}
