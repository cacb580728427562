//! The characters of XML 1.0, fifth edition: which are allowed at all, which are space, which make names.

use super::error::Fault;

/// White space (production 3).
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a text is white space and nothing else.
pub(crate) fn is_blank(text: &str) -> bool {
    text.bytes().all(is_space)
}

/// Whether a character may stand in a document (production 2).
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// What may begin a name (production 4).
pub(crate) fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | '_' | ':'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// What may go on in a name (production 4a).
pub(crate) fn is_name_part(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// The length in bytes of the name that a text begins with; 0 if it begins with none.
pub(crate) fn name_len(text: &str) -> usize {
    let mut chars = text.char_indices();
    match chars.next() {
        Some((_, c)) if is_name_start(c) => {}
        _ => return 0,
    }
    chars
        .find(|&(_, c)| !is_name_part(c))
        .map_or(text.len(), |(at, _)| at)
}

/// Finds the first character that no document may have.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let is_odd = |b: &u8| (*b < b' ' && !is_space(*b)) || *b == 0xef;
    // A whole block at a time: this goes over every byte of every document.
    let suspects = text.as_bytes().chunks(4096).enumerate();
    for (number, block) in suspects.filter(|(_, block)| block.iter().any(is_odd)) {
        for (at, _) in block.iter().enumerate().filter(|(_, b)| is_odd(b)) {
            let at = number * 4096 + at;
            let c = text[at..]
                .chars()
                .next()
                .expect("a byte that begins a character");
            if !is_char(c) {
                let message = format!("The character U+{:04X} is not allowed.", u32::from(c));
                return Err(Fault::new(at, message));
            }
        }
    }
    Ok(())
}

/// Finds the first character that XML 1.1 wants written as a reference (production 2a there).
pub(crate) fn check_1_1(text: &str) -> Result<(), Fault> {
    let is_odd = |c: char| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}');
    match text.find(is_odd) {
        None => Ok(()),
        Some(at) => Err(Fault::new(
            at,
            "A control character is not allowed in XML 1.1.",
        )),
    }
}
