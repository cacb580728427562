//! Formats tables. Columns are as wide as their longest cell.

use crate::cli::output::escape_line;

/// Formats headings and rows, one line each.
pub(in crate::cli) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths);
        let line: Vec<_> = padded
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        line.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&headings.map(str::to_owned));
    text.extend(rows.iter().map(line));
    text
}

/// Makes text from the server fit a cell: line breaks and tabs become spaces, other control characters are escaped.
pub(super) fn cell(text: &str) -> String {
    let spaced = text.replace(['\n', '\r', '\t'], " ");
    escape_line(&spaced).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let text = table(["A", "LONG"], &[row("zürich", "x"), row("b", "")]);
        assert_eq!(text, "A       LONG\nzürich  x\nb\n");
        assert_eq!(cell("a\u{1b}[2Jb\nc"), "a\\u001b[2Jb c");
    }
}
