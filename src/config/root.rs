//! The specification of a root.

use std::path::PathBuf;

/// A root as in `--root`: `[NAME=]PATH[:ro]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSpec {
    /// The root's name on the wire; `None` to use its path.
    pub name: Option<String>,
    /// The folder.
    pub path: PathBuf,
    /// Whether jobs may only read it.
    pub read_only: bool,
}

impl std::str::FromStr for RootSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (text, read_only) = match text.strip_suffix(":ro") {
            Some(text) => (text, true),
            None => (text, false),
        };
        // A `=` behind the first `/` belongs to the path.
        let (name, path) = match text.split_once('=') {
            Some((name, path)) if !name.contains('/') => (Some(name), path),
            _ => (None, text),
        };
        if let Some(name) = name {
            let plain = name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            if name.is_empty() || !plain || name.starts_with('.') {
                return Err(format!(
                    "invalid root name {name:?}: use letters, digits, '-', '_' and '.', and do not start with '.'"
                ));
            }
        }
        if path.is_empty() {
            return Err("expected [NAME=]PATH[:ro], found no PATH".into());
        }
        Ok(Self {
            name: name.map(Into::into),
            path: path.into(),
            read_only,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_spec_has_name_path_and_mode() {
        let check = |text: &str, name: Option<&str>, path: &str, read_only| {
            let expected = RootSpec {
                name: name.map(Into::into),
                path: path.into(),
                read_only,
            };
            assert_eq!(text.parse::<RootSpec>(), Ok(expected), "{text}");
        };
        check("/srv/docs", None, "/srv/docs", false);
        check("docs=/srv/docs", Some("docs"), "/srv/docs", false);
        check("docs=/srv/docs:ro", Some("docs"), "/srv/docs", true);
        check("/srv/a=b", None, "/srv/a=b", false);
        check("docs=/srv/a=b", Some("docs"), "/srv/a=b", false);
        for bad in ["", "docs=", "=/srv", "..=/srv", "a b=/srv"] {
            assert!(bad.parse::<RootSpec>().is_err(), "{bad}");
        }
    }
}
