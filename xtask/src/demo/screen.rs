//! What the demo is shown on: a terminal of some width, or a file.

use std::io::IsTerminal;

/// How many columns a terminal has that does not say.
const USUAL_WIDTH: usize = 80;

/// How to write on this terminal or into this file.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Whether escape sequences are understood, and wanted (<https://no-color.org>).
    pub colour: bool,
    /// The columns of a terminal; lines in a file have no end.
    pub width: Option<usize>,
}

impl Screen {
    /// That of standard output.
    pub fn of_stdout() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let understood = named("TERM").is_none_or(|term| term != "dumb");
        let columns = named("COLUMNS").and_then(|columns| columns.parse().ok());
        let width = columns.or_else(|| is_terminal.then(|| console_columns().unwrap_or(USUAL_WIDTH)));
        Self {
            colour: is_terminal && understood && named("NO_COLOR").is_none(),
            width,
        }
    }

    /// The beginning of a line that fits.
    pub fn cut(&self, line: &str) -> String {
        match self.width {
            Some(width) if line.chars().count() > width => {
                let kept: String = line.chars().take(width.saturating_sub(1)).collect();
                format!("{kept}…")
            }
            _ => line.to_owned(),
        }
    }

    /// The words on lines that fit, each begun with blanks. A longer word keeps its line.
    pub fn wrap(&self, text: &str, indent: usize) -> String {
        let blanks = " ".repeat(indent);
        let Some(width) = self.width else {
            return format!("{blanks}{text}");
        };
        let mut lines = blanks.clone();
        let mut column = indent;
        for word in text.split_whitespace() {
            let length = word.chars().count();
            if column > indent && column + 1 + length > width {
                lines.push('\n');
                lines += &blanks;
                column = indent;
            } else if column > indent {
                lines.push(' ');
                column += 1;
            }
            lines += word;
            column += length;
        }
        lines
    }
}

/// As the terminal itself says, where there is `stty`.
fn console_columns() -> Option<usize> {
    let output = std::process::Command::new("stty")
        .arg("size")
        .stdin(std::process::Stdio::inherit())
        .stderr(std::process::Stdio::null())
        .output()
        .ok()?;
    let size = String::from_utf8(output.stdout).ok()?;
    let columns = size.split_whitespace().nth(1)?.parse().ok()?;
    (columns > 0).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Screen = Screen {
        colour: false,
        width: Some(12),
    };

    #[test]
    fn a_line_that_does_not_fit_is_cut() {
        assert_eq!(NARROW.cut("twelve chars"), "twelve chars");
        assert_eq!(NARROW.cut("thirteen chars"), "thirteen ch…");
    }

    #[test]
    fn words_that_do_not_fit_go_on_below() {
        assert_eq!(NARROW.wrap("one two three four", 2), "  one two\n  three four");
    }
}
