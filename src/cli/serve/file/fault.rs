//! What is wrong with a configuration file, and where.

use std::ops::Range;
use std::path::Path;

/// Two words that are more alike than this are taken for each other; 1 is the same word.
const ALIKE: f64 = 0.8;

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Fault {
    /// Bytes of the file.
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

    /// `FILE:LINE: what is wrong`.
    pub(super) fn show(&self, path: &Path, text: &str) -> String {
        let line = line(text, self.at.start);
        format!("{}:{line}: {}", path.display(), self.message)
    }
}

/// The line that a byte is in, from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        Self::new(error.span().unwrap_or_default(), plain(error.message()))
    }
}

/// Serde's words in those of a person who writes such a file, with what was meant perhaps.
fn plain(message: &str) -> String {
    let mut message = message
        .replace("unknown field", "unknown key")
        .replace("missing field", "missing key")
        .replace("unknown variant", "unknown word")
        .replace("type: sequence", "type: list")
        .replace("type: map", "type: table")
        .replace("expected a sequence", "expected a list")
        .replace("expected a map", "expected a table")
        .replace("expected i64", "expected a whole number")
        .replace('`', "\"")
        .replace('\n', ", ");
    // What a table becomes is nobody's business but ours.
    if let Some((before, _)) = message.split_once("expected struct ") {
        message = format!("{before}expected a table");
    }
    let meant = {
        let mut words = message.split('"').skip(1).step_by(2);
        let unknown = words.next().filter(|_| message.starts_with("unknown "));
        let likeness = |word: &str| unknown.map(|unknown| strsim::jaro_winkler(unknown, word));
        words
            .filter_map(|word| Some((likeness(word)?, word.to_owned())))
            .filter(|(likeness, _)| *likeness > ALIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0))
    };
    if let Some((_, meant)) = meant {
        message.push_str(&format!("; did you mean {meant:?}?"));
    }
    message
}
