//! Formats tables. Columns are as wide as their longest cell.

use crate::cli::output::escape_line;

/// Longest cell, in characters.
const MAX_CELL_CHARS: usize = 200;

/// Formats headings and rows, one line each.
pub(in crate::cli) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    styled_table(headings, rows, |_, _| None)
}

/// Formats headings and rows, one line each. `style` gives the SGR parameters to color a cell in a column with.
pub(super) fn styled_table<const N: usize>(
    headings: [&str; N],
    rows: &[[String; N]],
    style: impl Fn(usize, &str) -> Option<&'static str>,
) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).enumerate();
        let line: Vec<_> = padded
            .map(|(column, (cell, width))| match style(column, cell) {
                Some(style) => format!("\u{1b}[{style}m{cell:width$}\u{1b}[0m"),
                None => format!("{cell:width$}"),
            })
            .collect();
        line.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&headings.map(str::to_owned));
    text.extend(rows.iter().map(line));
    text
}

/// Makes text from the server fit a cell: line breaks and tabs become spaces, other control characters are escaped, and long
/// text is shortened.
pub(super) fn cell(text: &str) -> String {
    let spaced = text.replace(['\n', '\r', '\t'], " ");
    let escaped = escape_line(&spaced);
    match escaped.char_indices().nth(MAX_CELL_CHARS) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let rows = [row("zürich", "x"), row("b", "")];
        let text = table(["A", "LONG"], &rows);
        assert_eq!(text, "A       LONG\nzürich  x\nb\n");
        let text = styled_table(["A", "LONG"], &rows, |_, cell| {
            (cell == "b").then_some("31")
        });
        assert_eq!(text, "A       LONG\nzürich  x\n\u{1b}[31mb     \u{1b}[0m\n");
        assert_eq!(cell("a\u{1b}[2Jb\nc"), "a\\u001b[2Jb c");
        assert_eq!(cell(&"é".repeat(300)).chars().count(), 201);
    }
}
