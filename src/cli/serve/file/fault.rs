//! Errors in a configuration file, with their position.

use std::ops::Range;
use std::path::Path;

/// Least Jaro-Winkler similarity for a "did you mean" hint; 1 is equality.
const MIN_SIMILARITY: f64 = 0.8;

/// An error in a configuration file.
#[derive(Debug)]
pub(super) struct Fault {
    /// Byte range in the file.
    at: Range<usize>,
    message: String,
}

impl Fault {
    pub(super) fn new(at: Range<usize>, message: String) -> Self {
        Self { at, message }
    }

    pub(super) fn unknown_key<'a>(
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

    /// Formats the error as `FILE:LINE: message`.
    pub(super) fn show(&self, path: &Path, text: &str) -> String {
        let line = line(text, self.at.start);
        format!("{}:{line}: {}", path.display(), self.message)
    }
}

/// The number of the line that holds byte `at`, starting at 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        Self::new(error.span().unwrap_or_default(), plain(error.message()))
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
    // Leave out the names of Rust types.
    if let Some((before, _)) = message.split_once("expected struct ") {
        message = format!("{before}expected a table");
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
