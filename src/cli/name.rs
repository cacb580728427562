//! Names of files as servers suggest them.

use std::path::{Path, PathBuf};

use super::output::escape_line;

/// The longest name that is made, in bytes: file systems take 255, and a number may have to be added.
const NAME_BYTES: usize = 200;
/// What Windows takes in no name.
const WINDOWS: &str = "<>:\"|?*";
/// Names that Windows gives to devices, whatever their extension is.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// A name for a new file in the current folder: the last part of what a server suggests, without anything that leads
/// elsewhere, hides the file, looks like an option or is obeyed by a terminal.
pub(super) fn safe_name(suggested: &str) -> String {
    let last = suggested.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_harmful = |c: char| {
        let mut bytes = [0; 4];
        let text: &str = c.encode_utf8(&mut bytes);
        escape_line(text) != text || cfg!(windows) && WINDOWS.contains(c)
    };
    let mut name: String = last
        .chars()
        .map(|c| if is_harmful(c) { '_' } else { c })
        .collect();
    if name.starts_with(['.', '-']) {
        name.replace_range(..1, "_");
    }
    if cfg!(windows) {
        name.truncate(name.trim_end_matches(['.', ' ']).len());
        let stem = name.split('.').next().unwrap_or_default().to_lowercase();
        if DEVICES.contains(&stem.trim_end_matches(|c: char| c.is_ascii_digit())) {
            name.insert(0, '_');
        }
    }
    shorten(&mut name);
    if name.is_empty() {
        name.push_str("result");
    }
    name
}

/// Shortens the part before the extension, as far as that suffices.
fn shorten(name: &mut String) {
    if name.len() <= NAME_BYTES {
        return;
    }
    let dot = name.rfind('.').unwrap_or(name.len());
    let extension = name.split_off(dot);
    let kept = NAME_BYTES.saturating_sub(extension.len());
    name.truncate(name.floor_char_boundary(kept));
    name.push_str(&extension);
    name.truncate(name.floor_char_boundary(NAME_BYTES));
}

/// A safe name that is not taken here: `name (1).ext` where `name.ext` is.
pub(super) fn free_name(suggested: &str) -> PathBuf {
    let plain = PathBuf::from(safe_name(suggested));
    let (stem, extension) = (plain.file_stem().unwrap_or_default(), plain.extension());
    let numbered = (1..).map(|n| {
        let mut name = stem.to_owned();
        name.push(format!(" ({n})"));
        let name = PathBuf::from(name);
        extension.map_or(name.clone(), |extension| {
            name.with_added_extension(extension)
        })
    });
    let is_taken = |name: &Path| std::fs::symlink_metadata(name).is_ok();
    let mut names = std::iter::once(plain.clone()).chain(numbered);
    names
        .find(|name| !is_taken(name))
        .expect("there are more numbers than files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggested_names_stay_in_the_folder() {
        for (suggested, name) in [
            ("report.zip", "report.zip"),
            ("Zürich (2).zip", "Zürich (2).zip"),
            ("../../.ssh/authorized_keys", "authorized_keys"),
            ("..\\..\\evil.exe", "evil.exe"),
            ("/etc/passwd", "passwd"),
            (".bashrc", "_bashrc"),
            ("..", "_."),
            ("-rf", "_rf"),
            ("a\u{1b}[2J\nb\u{202e}gpj.exe", "a_[2J_b_gpj.exe"),
            ("a/", "result"),
            ("", "result"),
        ] {
            assert_eq!(safe_name(suggested), name, "{suggested:?}");
        }
        let long = safe_name(&format!("{}.zip", "é".repeat(300)));
        assert!(
            long.len() <= NAME_BYTES && long.ends_with("é.zip"),
            "{long}"
        );
        assert_eq!(safe_name(&".x".repeat(300)).len(), NAME_BYTES);
    }
}
