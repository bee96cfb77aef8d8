//! Text from outside made fit for a terminal and for a log: one line, and nothing that a terminal would obey or hide.

use std::borrow::Cow;

/// The text on one line, without letters that have power over a terminal or over how a line is read.
///
/// Line ends and tabs become blanks. Other control characters (C0, DEL, C1), marks of direction, letters of no width and
/// tag letters become U+FFFD, so that it shows that something was there.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(|letter| visible(letter) == letter) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(visible).collect())
}

/// A report of several lines: what [`printable`] does, but line feeds stay.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let keep = |letter| if letter == '\n' { letter } else { visible(letter) };
    if text.chars().all(|letter| keep(letter) == letter) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(keep).collect())
}

/// The same letter, or what stands in for it.
pub fn visible(letter: char) -> char {
    match letter {
        '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        control if control.is_control() => '\u{fffd}',
        // Soft hyphen; marks of direction; letters of no width; invisible operators; fillers that look like blanks.
        '\u{ad}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        // Tag letters and selectors of variants, which carry hidden text.
        | '\u{e0000}'..='\u{e0fff}' => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_hides_loses_its_power() {
        let hidden = [
            "\0\u{7}\u{8}\u{1b}\u{7f}\u{80}\u{9b}\u{9f}",
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}",
            "\u{200b}\u{200c}\u{200d}\u{feff}\u{ad}\u{2060}\u{e0001}\u{e007f}\u{e0100}",
        ];
        for letter in hidden.concat().chars() {
            assert_eq!(printable(&letter.to_string()), "\u{fffd}", "{letter:?}");
        }
        for letter in "\r\n\t\u{b}\u{c}\u{85}\u{2028}\u{2029}".chars() {
            assert_eq!(printable(&letter.to_string()), " ", "{letter:?}");
        }
    }

    #[test]
    fn text_in_any_language_stays_as_it_is() {
        for text in ["plain", "Prüfung «ñ»", "Ελλάδα", "日本語", "שלום", "🦀"] {
            assert_eq!(printable(text), text);
        }
        assert_eq!(printable_lines("a\nb\u{1b}\r"), "a\nb\u{fffd} ");
    }
}
