//! Numbered names for taken names, and temporary names.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::job::JobId;
use crate::operations::intents::Slot;

const TEMPORARY: &str = ".cloakroom-";
const NEW: &str = ".part";
const OLD: &str = ".old";

/// Yields `name (1)`, `name (2)` and so on, each at most `most_bytes` long. The number follows a folder's name, and
/// precedes a file's extension. The text before the number is shortened if the name would be too long.
pub(crate) fn numbered(
    name: &str,
    folder: bool,
    most_bytes: usize,
) -> impl Iterator<Item = String> + use<> {
    let path = Path::new(name);
    let (stem, extension) = match (path.file_stem(), path.extension()) {
        (Some(stem), Some(extension)) if !folder => (
            stem.to_string_lossy().into_owned(),
            format!(".{}", extension.to_string_lossy()),
        ),
        _ => (name.to_owned(), String::new()),
    };
    let name = name.to_owned();
    (1_u64..).map(move |number| {
        let number = format!(" ({number})");
        match most_bytes.checked_sub(number.len() + extension.len()) {
            Some(room) if room > 0 && !cut(&stem, room).is_empty() => {
                format!("{}{number}{extension}", cut(&stem, room))
            }
            // The extension leaves no space for a name.
            _ => {
                let room = most_bytes.saturating_sub(number.len());
                format!("{}{number}", cut(&name, room))
            }
        }
    })
}

/// The longest prefix that fits.
fn cut(text: &str, most_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(most_bytes)]
}

/// The temporary name of what a job creates, used until it is complete.
pub(super) fn new_name(job: JobId, slot: Slot) -> OsString {
    format!("{TEMPORARY}{job}{}{NEW}", mark(slot)).into()
}

/// The temporary name of what a job replaces, on file systems that cannot exchange two names.
pub(super) fn old_name(job: JobId, slot: Slot) -> OsString {
    format!("{TEMPORARY}{job}{}{OLD}", mark(slot)).into()
}

/// Distinguishes the output of the work from the result file, which may be in the same folder.
fn mark(slot: Slot) -> &'static str {
    match slot {
        Slot::Work => "",
        Slot::Result => "-result",
    }
}

/// Whether an entry is the temporary file of a job, rather than content of the folder.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(TEMPORARY.as_bytes())
        && (name.ends_with(NEW.as_bytes()) || name.ends_with(OLD.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_inserted_before_the_file_extension() {
        let check = |name: &str, folder, expected: [&str; 2]| {
            let names: Vec<_> = numbered(name, folder, 255).take(2).collect();
            assert_eq!(names, expected, "{name}");
        };
        check("a", true, ["a (1)", "a (2)"]);
        check("a", false, ["a (1)", "a (2)"]);
        check("a (1)", false, ["a (1) (1)", "a (1) (2)"]);
        check("a.txt", false, ["a (1).txt", "a (2).txt"]);
        check("a.txt", true, ["a.txt (1)", "a.txt (2)"]);
        check("a.tar.gz", false, ["a.tar (1).gz", "a.tar (2).gz"]);
        check(".profile", false, [".profile (1)", ".profile (2)"]);
    }

    #[test]
    fn numbered_name_is_truncated_at_a_character_boundary() {
        let check = |name: &str, folder, most_bytes, expected: &str| {
            let numbered = numbered(name, folder, most_bytes).next();
            assert_eq!(numbered.as_deref(), Some(expected), "{name}");
        };
        check("abcdefgh.txt", false, 12, "abcd (1).txt");
        check("abcdefgh.txt", true, 12, "abcdefgh (1)");
        check("äöü.txt", false, 12, "äö (1).txt");
        check("äöü.txt", false, 11, "ä (1).txt");
        check("ä.txt", false, 9, "ä.tx (1)");
        check("a.extension", false, 10, "a.exte (1)");
        let long = format!("{}.txt", "x".repeat(251));
        let numbers: Vec<_> = numbered(&long, false, 255).take(1000).collect();
        assert!(numbers.iter().all(|name| name.len() == 255));
        assert!(numbers[999].ends_with("x (1000).txt"), "{}", numbers[999]);
    }
}
