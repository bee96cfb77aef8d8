//! Finds the word that was probably meant.

/// The known word closest to `typed`, if it is close enough to be a slip of the keyboard.
pub(super) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    // A third of the letters may be wrong; more is another word.
    let tolerance = (typed.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|word| (strsim::levenshtein(&typed, &word.to_lowercase()), word))
        .filter(|(distance, _)| *distance <= tolerance)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_none() {
        let known = ["name", "plugin", "interval", "allow", "dead_letter"];
        for (typed, expected) in [
            ("intervall", Some("interval")),
            ("Plugin", Some("plugin")),
            ("pluggin", Some("plugin")),
            ("deadletter", Some("dead_letter")),
            ("allw", Some("allow")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
    }
}
