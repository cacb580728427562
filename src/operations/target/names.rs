//! The names that things get: numbered ones where a name is taken, and temporary ones.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::job::JobId;
use crate::operations::context::Slot;

const TEMPORARY: &str = ".cloakroom-";
const NEW: &str = ".part";
const OLD: &str = ".old";

/// `name (1)`, `name (2)` and so on: the number stands behind a folder's name, before a file's extension.
pub(crate) fn numbered(name: &str, folder: bool) -> impl Iterator<Item = String> + use<> {
    let path = Path::new(name);
    let (stem, extension) = match (path.file_stem(), path.extension()) {
        (Some(stem), Some(extension)) if !folder => (
            stem.to_string_lossy().into_owned(),
            format!(".{}", extension.to_string_lossy()),
        ),
        _ => (name.to_owned(), String::new()),
    };
    (1_u64..).map(move |number| format!("{stem} ({number}){extension}"))
}

/// What a job makes beside its target goes by this name until it is whole.
pub(super) fn new_name(job: JobId, slot: Slot) -> OsString {
    format!("{TEMPORARY}{job}{}{NEW}", mark(slot)).into()
}

/// What a job replaces goes by this name until it is removed, where two names cannot be exchanged.
pub(super) fn old_name(job: JobId, slot: Slot) -> OsString {
    format!("{TEMPORARY}{job}{}{OLD}", mark(slot)).into()
}

/// What the work makes and what its result becomes may stand side by side.
fn mark(slot: Slot) -> &'static str {
    match slot {
        Slot::Work => "",
        Slot::Result => "-result",
    }
}

/// Whether an entry is some job's, and no part of what the folder holds.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(TEMPORARY.as_bytes())
        && (name.ends_with(NEW.as_bytes()) || name.ends_with(OLD.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_before_a_files_extension() {
        let check = |name: &str, folder, expected: [&str; 2]| {
            let names: Vec<_> = numbered(name, folder).take(2).collect();
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
}
