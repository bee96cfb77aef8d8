//! Aligned columns of text.

use headwater::redact::printable::printable;

/// Lays rows out in columns, two blanks apart, the last column as it is.
///
/// What the cells hold comes from plugins and files, so each is made printable here, on the way out.
pub(crate) fn layout(rows: &[Vec<String>]) -> String {
    let clean = |row: &Vec<String>| row.iter().map(|cell| printable(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(clean).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let padded = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            let line = padded.collect::<Vec<_>>().join("  ");
            format!("{}\n", line.trim_end())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_without_trailing_blanks() {
        let rows = [["a", "bcd", "e"], ["ä long one", "", ""], ["x", "y", "z"]];
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        assert_eq!(
            layout(&rows),
            "a           bcd  e\nä long one\nx           y    z\n"
        );
    }

    #[test]
    fn a_cell_can_neither_command_the_terminal_nor_begin_a_row() {
        let rows = vec![vec!["k\u{1b}]0;owned\u{7}".to_owned(), "a\nb\u{202e}".to_owned()]];
        assert_eq!(layout(&rows), "k\u{fffd}]0;owned\u{fffd}  a b\u{fffd}\n");
    }
}
