//! File names that servers suggest, made safe.

use std::path::{Path, PathBuf};

use super::output::escape_line;

/// Longest file name, in bytes: file systems allow 255, and a number may have to be added.
const NAME_BYTES: usize = 200;
/// Characters that Windows forbids in file names.
const WINDOWS_FORBIDDEN: &str = "<>:\"|?*";
/// File stems that Windows reserves for devices.
const WINDOWS_DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// A name for a new file in the current folder: the last component of the suggested name, changed so that it is not hidden,
/// does not look like an option and holds no control characters.
pub(super) fn safe_name(suggested: &str) -> String {
    let last = suggested.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_harmful = |c: char| {
        let mut bytes = [0; 4];
        let text: &str = c.encode_utf8(&mut bytes);
        escape_line(text) != text || cfg!(windows) && WINDOWS_FORBIDDEN.contains(c)
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
        if WINDOWS_DEVICES.contains(&stem.trim_end_matches(|c: char| c.is_ascii_digit())) {
            name.insert(0, '_');
        }
    }
    shorten(&mut name);
    if name.is_empty() {
        name.push_str("result");
    }
    name
}

/// Shortens the name to [`NAME_BYTES`], if possible by its stem alone.
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

/// The path of a file in `folder` that does not exist, with a safe name: `name (1).ext` if `name.ext` exists.
pub(super) fn free_path(folder: &Path, suggested: &str) -> PathBuf {
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
    let is_taken = |path: &Path| std::fs::symlink_metadata(path).is_ok();
    let names = std::iter::once(plain.clone()).chain(numbered);
    names
        .map(|name| folder.join(name))
        .find(|path| !is_taken(path))
        .expect("a folder cannot hold every number")
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
