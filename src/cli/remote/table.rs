//! Rows for people: columns as wide as what is in them, the last one as it comes.

use crate::cli::output::escape_line;

/// Rows and their headings, a line each.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
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

/// Text of the server's as it may stand in a row: ends of lines become spaces, anything else that does not belong there is
/// escaped.
pub(super) fn cell(text: &str) -> String {
    let spaced = text.replace(['\n', '\r', '\t'], " ");
    escape_line(&spaced).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let text = table(["A", "LONG"], &[row("zürich", "x"), row("b", "")]);
        assert_eq!(text, "A       LONG\nzürich  x\nb\n");
        assert_eq!(cell("a\u{1b}[2Jb\nc"), "a\\u001b[2Jb c");
    }
}
