//! The terminal that standard output is, if it is one.

use console::Term;

use crate::wrap::WIDTH;

/// How many columns there are; none where lines have no end, as in a file or a pipe.
pub(crate) fn width() -> Option<usize> {
    let terminal = Term::stdout();
    if !terminal.is_term() {
        return None;
    }
    let columns = terminal.size_checked().map(|(_, columns)| usize::from(columns));
    // A terminal that does not know how wide it is says nothing, or 0.
    Some(columns.filter(|columns| *columns > 0).unwrap_or(WIDTH))
}
