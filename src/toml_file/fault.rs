//! Errors in a configuration file, with their position.

use std::ops::Range;
use std::path::Path;

/// Least Jaro-Winkler similarity for a "did you mean" hint; 1 is equality.
const MIN_SIMILARITY: f64 = 0.8;

/// An error in a configuration file.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Byte range in the file.
    at: Range<usize>,
    message: String,
    /// Whether the message names the key that it is about.
    names_key: bool,
}

impl Fault {
    pub(crate) fn new(at: Range<usize>, message: String) -> Self {
        Self {
            at,
            message,
            names_key: true,
        }
    }

    pub(crate) fn unknown_key<'a>(
        at: Range<usize>,
        key: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<_> = known.map(|known| format!("`{known}`")).collect();
        let message = format!(
            "unknown field `{key}`, expected one of {}",
            known.join(", ")
        );
        Self::new(at, plain(&message))
    }

    /// Where in the file the error is, in bytes.
    pub(crate) fn position(&self) -> usize {
        self.at.start
    }

    /// Formats the error as `FILE:LINE: message`.
    pub(crate) fn with_line(&self, path: &Path, text: &str) -> String {
        let (line, message) = self.at_line(text);
        format!("{}:{line}: {message}", path.display())
    }

    /// The line of the error, and its message.
    pub(crate) fn at_line(&self, text: &str) -> (usize, String) {
        let line = line(text, self.at.start);
        let key = key_before(text, self.at.start).filter(|_| !self.names_key);
        let key = key.map_or_else(String::new, |key| format!("{key}: "));
        (line, format!("{key}{}", self.message))
    }
}

/// The number of the line that holds byte `at`, starting at 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

/// The key of a value that starts at byte `at`, if it is a bare key on the same line.
fn key_before(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?.rsplit('\n').next()?;
    let key = before.split_once('=')?.0.trim();
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    Some(key).filter(|key| !key.is_empty() && key.chars().all(is_bare))
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        Self {
            at: error.span().unwrap_or_default(),
            message: plain(error.message()),
            names_key: error.message().starts_with("unknown field"),
        }
    }
}

/// Rewrites a message of serde in TOML's terms, and adds a hint for misspelled words.
fn plain(message: &str) -> String {
    let mut message = message
        .replace("unknown field", "unknown key")
        .replace("missing field", "missing key")
        .replace("unknown variant", "unknown value")
        .replace("type: sequence", "type: list")
        .replace("type: map", "type: table")
        .replace("expected a sequence", "expected a list")
        .replace("expected a map", "expected a table")
        .replace("expected i64", "expected a whole number")
        .replace('`', "\"")
        .replace('\n', ", ");
    // "invalid type: integer `3`, expected a string": what was expected comes first.
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.split_once(", expected "))
    {
        // The names of Rust types mean nothing to a reader.
        let expected = if expected.starts_with("struct ") {
            "a table"
        } else {
            expected
        };
        // Only strings keep their quotes.
        let found = if found.starts_with("string") {
            found.to_owned()
        } else {
            found.replace('"', "")
        };
        message = format!("expected {expected}, found {found}");
    }
    let meant = {
        let mut words = message.split('"').skip(1).step_by(2);
        let unknown = words.next().filter(|_| message.starts_with("unknown "));
        let likeness = |word: &str| unknown.map(|unknown| strsim::jaro_winkler(unknown, word));
        words
            .filter_map(|word| Some((likeness(word)?, word.to_owned())))
            .filter(|(likeness, _)| *likeness > MIN_SIMILARITY)
            .max_by(|a, b| a.0.total_cmp(&b.0))
    };
    if let Some((_, meant)) = meant {
        message.push_str(&format!("; did you mean {meant:?}?"));
    }
    message
}
