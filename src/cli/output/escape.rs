//! Text from clients, servers and file systems, made harmless for a terminal.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether a terminal would obey this character instead of showing it: control characters, and those that reorder the text
/// around them. A tab and the end of a line do no harm.
fn is_harmful(c: char) -> bool {
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    reorders || c.is_control() && !matches!(c, '\n' | '\t')
}

/// The text with escapes like `\u001b` instead of what a terminal would obey. JSON stays what it is, since that has the same
/// escapes.
pub(in crate::cli) fn escape(text: &str) -> Cow<'_, str> {
    replace(text, is_harmful)
}

/// The same as a part of one line: ends of lines and tabs are escaped, too.
pub(in crate::cli) fn escape_line(text: &str) -> Cow<'_, str> {
    replace(text, |c| is_harmful(c) || c.is_control())
}

fn replace(text: &str, is_meant: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_meant) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_meant(c) {
            push(&mut escaped, c);
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

/// All characters that are meant have four digits at most.
fn push(to: &mut String, c: char) {
    match c {
        '\n' => to.push_str("\\n"),
        '\r' => to.push_str("\\r"),
        '\t' => to.push_str("\\t"),
        c => write!(to, "\\u{:04x}", u32::from(c)).expect("a string takes everything"),
    }
}

/// Escapes what is written as part of one line.
pub(in crate::cli) struct LineEscaper<'a>(pub(in crate::cli) &'a mut dyn Write);

impl Write for LineEscaper<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&escape_line(text))
    }
}

/// Escapes bytes that come in pieces. What is not UTF-8 becomes escapes like `\x9b`.
#[derive(Default)]
pub(super) struct Pieces {
    /// The beginning of a character whose end has not come yet.
    begun: Vec<u8>,
}

impl Pieces {
    /// The next piece.
    pub(super) fn escape(&mut self, piece: &[u8]) -> String {
        self.begun.extend_from_slice(piece);
        let bytes = std::mem::take(&mut self.begun);
        let mut escaped = String::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        loop {
            let error = match std::str::from_utf8(rest) {
                Ok(text) => {
                    escaped.push_str(&escape(text));
                    return escaped;
                }
                Err(error) => error,
            };
            let (valid, after) = rest.split_at(error.valid_up_to());
            escaped.push_str(&escape(&String::from_utf8_lossy(valid)));
            let Some(invalid) = error.error_len() else {
                self.begun = after.to_vec();
                return escaped;
            };
            push_bytes(&mut escaped, &after[..invalid]);
            rest = &after[invalid..];
        }
    }

    /// What is left when no more pieces come.
    pub(super) fn end(&mut self) -> String {
        let mut escaped = String::new();
        push_bytes(&mut escaped, &std::mem::take(&mut self.begun));
        escaped
    }
}

fn push_bytes(to: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(to, "\\x{byte:02x}").expect("a string takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let check = |text, expected, in_line| {
            assert_eq!(escape(text), expected);
            assert_eq!(escape_line(text), in_line);
        };
        check("zürich\t✓\n", "zürich\t✓\n", "zürich\\t✓\\n");
        check(
            "a\u{1b}]0;b\u{7}",
            "a\\u001b]0;b\\u0007",
            "a\\u001b]0;b\\u0007",
        );
        check(
            "\r\u{7f}\u{9b}2J",
            "\\r\\u007f\\u009b2J",
            "\\r\\u007f\\u009b2J",
        );
        check("\u{202e}a\u{2069}", "\\u202ea\\u2069", "\\u202ea\\u2069");
    }

    #[test]
    fn pieces_may_end_inside_a_character() {
        let escaped = |pieces: &[&[u8]]| {
            let mut escaper = Pieces::default();
            let mut text: String = pieces.iter().map(|piece| escaper.escape(piece)).collect();
            text.push_str(&escaper.end());
            text
        };
        let text = "é\u{1b}€\u{1f600}\u{9b}";
        for split in 0..text.len() {
            let (first, second) = text.as_bytes().split_at(split);
            assert_eq!(escaped(&[first, second]), "é\\u001b€\u{1f600}\\u009b");
        }
        assert_eq!(
            escaped(&[b"a\x9b\xffb\xe2", b"c\xe2\x82"]),
            "a\\x9b\\xffb\\xe2c\\xe2\\x82"
        );
    }
}
