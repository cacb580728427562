//! Escapes text from clients, servers and file systems for terminals.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether a terminal would interpret this character instead of showing it: control characters, except tab and newline, and
/// characters that reorder the text around them.
fn is_harmful(c: char) -> bool {
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    reorders || c.is_control() && !matches!(c, '\n' | '\t')
}

/// Replaces harmful characters by escapes like `\u001b`. JSON keeps its meaning, since it has the same escapes.
pub(in crate::cli) fn escape(text: &str) -> Cow<'_, str> {
    replace(text, is_harmful)
}

/// Escapes text for one line: newlines and tabs are escaped, too.
pub(in crate::cli) fn escape_line(text: &str) -> Cow<'_, str> {
    replace(text, |c| is_harmful(c) || c.is_control())
}

fn replace(text: &str, should_escape: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&should_escape) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if should_escape(c) {
            push(&mut escaped, c);
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

/// Writes the escape of a character, which must be at most U+FFFF.
fn push(to: &mut String, c: char) {
    match c {
        '\n' => to.push_str("\\n"),
        '\r' => to.push_str("\\r"),
        '\t' => to.push_str("\\t"),
        c => write!(to, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail"),
    }
}

/// A writer that escapes text for one line.
pub(in crate::cli) struct LineEscaper<'a>(pub(in crate::cli) &'a mut dyn Write);

impl Write for LineEscaper<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&escape_line(text))
    }
}

/// Escapes a stream of bytes. Bytes that are not UTF-8 become escapes like `\x9b`.
#[derive(Default)]
pub(super) struct StreamEscaper {
    /// The first bytes of a character that is not complete yet.
    incomplete: Vec<u8>,
}

impl StreamEscaper {
    /// Escapes the next bytes.
    pub(super) fn escape(&mut self, chunk: &[u8]) -> String {
        self.incomplete.extend_from_slice(chunk);
        let bytes = std::mem::take(&mut self.incomplete);
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
                self.incomplete = after.to_vec();
                return escaped;
            };
            push_bytes(&mut escaped, &after[..invalid]);
            rest = &after[invalid..];
        }
    }

    /// Escapes the rest of an incomplete character at the end of the stream.
    pub(super) fn end(&mut self) -> String {
        let mut escaped = String::new();
        push_bytes(&mut escaped, &std::mem::take(&mut self.incomplete));
        escaped
    }
}

fn push_bytes(to: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(to, "\\x{byte:02x}").expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
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
    fn characters_split_between_chunks_are_kept() {
        let escaped = |pieces: &[&[u8]]| {
            let mut escaper = StreamEscaper::default();
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
