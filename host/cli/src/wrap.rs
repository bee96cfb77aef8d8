//! Lines that fit a terminal of 80 columns.

/// How many columns every terminal has.
pub(crate) const WIDTH: usize = 80;

/// The words of a text on lines of at most [`WIDTH`] columns, each begun with these blanks. A longer word keeps its line.
pub(crate) fn wrap(text: &str, indent: usize) -> String {
    wrap_to(text, indent, WIDTH)
}

/// The same for a terminal of another width.
pub(crate) fn wrap_to(text: &str, indent: usize, width: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            lines.push('\n');
            column = 0;
        }
        if column == 0 {
            lines.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            lines.push(' ');
            column += 1;
        }
        lines += word;
        column += length;
    }
    lines.push('\n');
    lines
}

/// A text whose lines are kept, but for those that are too long: they go on below where their last column begins.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::new();
    for line in text.lines() {
        if line.chars().count() <= WIDTH {
            folded += line;
            folded.push('\n');
            continue;
        }
        let (head, tail) = line.split_at(last_column(line));
        let indent = head.chars().count();
        folded += head;
        folded += wrap(tail, indent).trim_start_matches(' ');
    }
    folded
}

/// Where the words behind the last gap of two blanks and more begin, as a place in the text.
fn last_column(line: &str) -> usize {
    let start = line.len() - line.trim_start().len();
    let gap = line.rfind("  ").map_or(0, |gap| gap + 2);
    // A column so far to the right leaves no room for words.
    if gap > WIDTH / 2 { start } else { gap.max(start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_on_below_the_column_that_they_are_in() {
        let long = "word ".repeat(20);
        let folded = fold(&format!("Head:\n  --option  {long}\n"));
        let lines: Vec<&str> = folded.lines().collect();
        assert_eq!(lines.len(), 3, "{folded}");
        assert!(lines[1].starts_with("  --option  word"), "{folded}");
        assert!(lines[2].starts_with("            word"), "{folded}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{folded}");
    }

    #[test]
    fn a_word_that_is_longer_than_a_line_is_whole() {
        let word = "x".repeat(100);
        assert_eq!(wrap(&format!("a {word} b"), 2), format!("  a\n  {word}\n  b\n"));
    }
}
