//! Character classes of XML 1.0, fifth edition: allowed characters, white space and names.

use super::error::Fault;

/// White space (production 3).
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a text consists of white space only.
pub(crate) fn is_blank(text: &str) -> bool {
    text.bytes().all(is_space)
}

/// Whether a character is allowed in documents (production 2).
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a character can start a name (production 4).
pub(crate) fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | '_' | ':'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// Whether a character can occur in a name (production 4a).
pub(crate) fn is_name_part(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// The length in bytes of the name at the start of a text; 0 if there is none.
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

/// Rejects characters that are not allowed in documents.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let is_odd = |b: &u8| (*b < b' ' && !is_space(*b)) || *b == 0xef;
    // Check whole blocks, because this visits every byte of every document.
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

/// Rejects characters that XML 1.1 allows only as references (production 2a).
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
