//! The params of the `zip` operation, and the names of archives and sources.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::operations::InvalidParam;
use crate::operations::destination::numbered;
use crate::operations::params::wire_path::WirePath;
use crate::operations::zip::exclude::Exclude;
use crate::operations::zip::top::Top;
use crate::roots::Roots;

/// The maximum length of a file name in common file systems, in bytes.
const NAME_BYTES: usize = 255;
/// The default compression level, the same as zlib's.
pub(super) const LEVEL: u8 = 6;
const SUFFIX: &str = ".zip";

/// The files and folders to archive, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ZipParams {
    /// The path of a file or folder below a root, or a list of up to 1000 such paths.
    path: Paths,
    /// The file name of the archive. `.zip` is added if it is missing. Default: the name of the file or folder, or
    /// `archive.zip` for a list.
    #[schemars(length(min = 1, max = 251), extend("format" = "filename"))]
    name: Option<String>,
    /// The compression level, from 0 (no compression, fastest) to 9 (smallest, slowest). Default: 6.
    #[serde(default = "default_level")]
    #[schemars(range(min = 0, max = 9))]
    pub(super) level: u8,
    /// Globs of files and folders to leave out, a folder with everything in it. A glob without `/` is matched against names
    /// at any depth (`*.o`), one with `/` against paths below the source (`build/*.log`). Default: none.
    #[serde(default)]
    #[schemars(length(max = 256), extend("items" = { "type": "string", "format": "glob", "minLength": 1, "maxLength": 1024 }))]
    pub(super) exclude: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum Paths {
    One(WirePath),
    Many(#[schemars(length(min = 1, max = 1000))] Vec<WirePath>),
}

fn default_level() -> u8 {
    LEVEL
}

impl ZipParams {
    /// The paths of all sources.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let paths = match &self.path {
            Paths::One(path) => std::slice::from_ref(path),
            Paths::Many(paths) => paths,
        };
        paths.iter().map(|path| path.0.as_str())
    }

    /// The file name of the archive.
    pub(super) fn filename(&self, tops: &[Top]) -> String {
        match (&self.name, &self.path, tops) {
            (Some(name), ..) => with_suffix(name),
            (None, Paths::One(_), [top]) => default_name(&top.name),
            (None, ..) => format!("archive{SUFFIX}"),
        }
    }
}

/// The name of a source with the suffix, shortened to the limit of file systems.
fn default_name(source: &str) -> String {
    let end = source.floor_char_boundary(NAME_BYTES - SUFFIX.len());
    format!("{}{SUFFIX}", &source[..end])
}

fn with_suffix(name: &str) -> String {
    let end = name.len().saturating_sub(SUFFIX.len());
    match name.get(end..) {
        Some(end) if end.eq_ignore_ascii_case(SUFFIX) => name.to_owned(),
        _ => format!("{name}{SUFFIX}"),
    }
}

/// Validates params that match the schema.
///
/// # Errors
/// Every invalid param: paths that are not below a root, an invalid archive name, an invalid glob.
pub(super) fn check(params: &Value, roots: &Roots) -> Result<(), Vec<InvalidParam>> {
    let fault = |pointer: &str, detail: String| InvalidParam {
        pointer: pointer.to_owned(),
        detail,
    };
    let params: ZipParams =
        serde_json::from_value(params.clone()).map_err(|e| vec![fault("#", e.to_string())])?;
    let mut faults = Vec::new();
    for (number, path) in params.paths().enumerate() {
        if let Err(refusal) = roots.admit(path) {
            let pointer = match params.path {
                Paths::One(_) => "#/path".to_owned(),
                Paths::Many(_) => format!("#/path/{number}"),
            };
            faults.push(fault(&pointer, refusal.to_string()));
        }
    }
    if let Some(why) = params.name.as_deref().and_then(wrong_name) {
        faults.push(fault("#/name", why));
    }
    if let Err((number, error)) = Exclude::new(&params.exclude) {
        faults.push(fault(&format!("#/exclude/{number}"), error.to_string()));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn wrong_name(name: &str) -> Option<String> {
    let why = if name.contains(['/', '\\']) || name.chars().any(char::is_control) {
        "it contains a slash, a backslash or a control character"
    } else if matches!(name, "." | "..") {
        "it is reserved for folders"
    } else if with_suffix(name).len() > NAME_BYTES {
        "with .zip it is longer than 255 bytes"
    } else {
        return None;
    };
    Some(format!("{name:?} is not a valid archive name: {why}"))
}

/// The names that are in use at the top of an archive.
#[derive(Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// The name, with a number if it is in use.
    pub(super) fn distinct(&mut self, name: &str, folder: bool) -> String {
        let free = std::iter::once(name.to_owned())
            .chain(numbered(name, folder, NAME_BYTES))
            .find(|name| !self.0.contains(name))
            .expect("there are more numbers than sources");
        self.0.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_name_gets_a_number() {
        let mut names = Names::default();
        let mut check = |name: &str, folder, expected: &str| {
            assert_eq!(names.distinct(name, folder), expected);
        };
        check("a", true, "a");
        check("a", false, "a (1)");
        check("a (1)", false, "a (1) (1)");
        check("a", true, "a (2)");
        check("a.txt", false, "a.txt");
        check("a.txt", false, "a (1).txt");
        check("a.txt", true, "a.txt (1)");
        check(".profile", false, ".profile");
        check(".profile", false, ".profile (1)");
    }

    #[test]
    fn default_name_is_truncated_to_255_bytes_at_a_character() {
        assert_eq!(default_name("a"), "a.zip");
        assert_eq!(default_name(&"a".repeat(255)), "a".repeat(251) + ".zip");
        assert_eq!(default_name(&"ä".repeat(127)), "ä".repeat(125) + ".zip");
    }

    #[test]
    fn missing_zip_suffix_is_added() {
        for (name, expected) in [
            ("a", "a.zip"),
            ("a.zip", "a.zip"),
            ("a.ZIP", "a.ZIP"),
            ("ü", "ü.zip"),
            ("azip", "azip.zip"),
        ] {
            assert_eq!(with_suffix(name), expected);
        }
    }
}
