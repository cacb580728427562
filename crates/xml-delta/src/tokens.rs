//! Splits text into words, punctuation and runs of white space.

use super::chars::is_space;
use super::entities::{REFERENCE_END, REFERENCE_START};

/// Iterates over the tokens of a text; together they are the whole text.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let len = token_len(rest);
        let (piece, after) = rest.split_at(len);
        rest = after;
        (len > 0).then_some(piece)
    })
}

/// The class of a character.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Space,
    Word,
    /// A token of its own: punctuation, and scripts without spaces between words.
    Single,
}

fn class(c: char) -> Class {
    match c {
        ' ' | '\t' | '\n' | '\r' => Class::Space,
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => Class::Word,
        c if c.is_ascii() => Class::Single,
        // Thai to Khmer, and the ideographs and syllables of East Asia.
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => Class::Single,
        '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => {
            Class::Single
        }
        c if c.is_alphanumeric() => Class::Word,
        // A combining mark belongs to the letter before it.
        '\u{300}'..='\u{36f}' => Class::Word,
        _ => Class::Single,
    }
}

fn token_len(text: &str) -> usize {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else {
        return 0;
    };
    if first == char::from(REFERENCE_START) {
        let end = text.find(char::from(REFERENCE_END));
        return end.map_or(text.len(), |end| end + 1);
    }
    let kind = class(first);
    if kind == Class::Single {
        return first.len_utf8();
    }
    chars
        .find(|&(_, c)| class(c) != kind)
        .map_or(text.len(), |(at, _)| at)
}

/// Whether a token is a word.
pub(crate) fn is_word(piece: &str) -> bool {
    piece.chars().next().is_some_and(char::is_alphanumeric)
}

/// The number of bytes that are not white space.
pub(crate) fn non_space_len(text: &str) -> usize {
    text.bytes().filter(|&b| !is_space(b)).count()
}
