//! Aligned columns of text.

use headwater::redact::printable::printable;

use crate::wrap::wrap_to;

/// Blanks between columns.
const GAP: usize = 2;

/// Lays a heading and rows out for a terminal of this width, or for none.
///
/// Columns that do not fit side by side go on below their row, each behind its name, so that nothing is cut off and what is
/// copied is whole.
pub(crate) fn fit(rows: &[Vec<String>], width: Option<usize>) -> String {
    let (Some(width), Some(head)) = (width, rows.first()) else {
        return layout(rows);
    };
    let widths = widths(rows);
    let ends = widths.iter().scan(0, |end, width| {
        let gap = if *end == 0 { 0 } else { GAP };
        *end += gap + width;
        Some(*end)
    });
    let kept = ends.take_while(|end| *end <= width).count().max(1);
    let beside: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().take(kept).cloned().collect())
        .collect();
    let table = layout(&beside);
    if kept >= widths.len() {
        return table;
    }
    // Below the second column, unless that leaves no room.
    let indent = widths.first().map_or(GAP, |first| first + GAP);
    let indent = if indent > width / 2 { GAP } else { indent };
    let names: Vec<String> = head.iter().skip(kept).map(|name| name.to_lowercase()).collect();
    let mut text = String::new();
    for (index, (line, row)) in table.lines().zip(rows).enumerate() {
        text += line;
        text.push('\n');
        let cells = names.iter().zip(row.iter().skip(kept));
        let below = cells.map(|(name, cell)| format!("{name} {}", printable(cell)));
        if index > 0 {
            text += &wrap_to(&below.collect::<Vec<_>>().join(", "), indent, width);
        }
    }
    text
}

/// Lays rows out in columns, two blanks apart, the last column as it is.
///
/// What the cells hold comes from plugins and files, so each is made printable here, on the way out.
pub(crate) fn layout(rows: &[Vec<String>]) -> String {
    let clean = |row: &Vec<String>| row.iter().map(|cell| printable(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(clean).collect();
    let widths = widths(&rows);
    rows.iter()
        .map(|row| {
            let padded = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            let line = padded.collect::<Vec<_>>().join(&" ".repeat(GAP));
            format!("{}\n", line.trim_end())
        })
        .collect()
}

/// Of each column, the characters of its longest cell.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max()
    };
    (0..columns).map(|column| width(column).unwrap_or(0)).collect()
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
    fn columns_that_do_not_fit_go_on_below_their_row_and_nothing_is_cut_off() {
        let rows = [
            ["SOURCE", "PARTITION", "STORED", "PLUGIN"],
            [
                "contoso",
                "subscriptions/1",
                "2026-01-31T12:00:00Z",
                "azure-activity 0.1.0",
            ],
            ["fabrikam", "tenants/2", "-", "the entry is damaged"],
        ];
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        let expected = "\
SOURCE    PARTITION
contoso   subscriptions/1
          stored 2026-01-31T12:00:00Z,
          plugin azure-activity 0.1.0
fabrikam  tenants/2
          stored -, plugin the entry is
          damaged
";
        assert_eq!(fit(&rows, Some(40)), expected);
        assert_eq!(fit(&rows, Some(80)), layout(&rows));
        assert_eq!(fit(&rows, None), layout(&rows));
    }

    #[test]
    fn a_cell_can_neither_command_the_terminal_nor_begin_a_row() {
        let rows = vec![vec!["k\u{1b}]0;owned\u{7}".to_owned(), "a\nb\u{202e}".to_owned()]];
        assert_eq!(layout(&rows), "k\u{fffd}]0;owned\u{fffd}  a b\u{fffd}\n");
    }
}
