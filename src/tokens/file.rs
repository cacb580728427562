//! The token file: its format, and what it says about a data folder.
//!
//! Each line holds a token's name, the SHA-256 of its text, and words about it: `admin` or `metrics` for tokens of these
//! kinds, `expires=TIME`, and `replaced` for a token that another one of the same name has replaced. A file without tokens
//! holds the word `required` (the last token was removed) or `off`, so that an empty or truncated file is never taken for
//! a folder without tokens. For the same reason a token's line must end with a line break: a line that lost its last words
//! would allow more. Lines that begin with `#` are comments.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::token::{Hash, RUN_NAME, Token, TokenKind};
use crate::data_dir;

/// The content of the marker file.
const MARKER: &str = "This data folder has had tokens: without the file `tokens` no server starts here.\n\
    `cloakroom token off` turns tokens off and removes this file.\n";
/// The longest name, in characters.
const MAX_NAME_CHARS: usize = 64;
/// The first line, a comment.
const HEADER: &str =
    "# NAME SHA256 [admin|metrics] [expires=TIME] [replaced]: see `cloakroom token`\n";
/// The word of a file without tokens while requests still need one.
const REQUIRED: &str = "required";
/// The beginning of the word that says when a token expires, as in RFC 3339.
const EXPIRES: &str = "expires=";
/// The last second of the year 9999, since 1970.
pub(super) const LAST_TIME: Duration = Duration::from_secs(253_402_300_799);
/// The word of a token that another one has replaced.
const REPLACED: &str = "replaced";
/// The word of a file that turns tokens off.
const OFF: &str = "off";

/// An error of reading or editing tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token file cannot be read.
    #[error("cannot read the token file {}: {source}. Make it readable or restore it, or turn tokens off with `cloakroom token off`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The token file has a malformed line.
    #[error("{}:{line}: expected NAME SHA256 [admin|metrics] [expires=TIME] [replaced] and a line break. Correct or restore the file, or turn tokens off with `cloakroom token off`", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
    },
    /// The token file is empty.
    #[error("the token file {} is empty. Restore it, make a new token with `cloakroom token add`, or turn tokens off with `cloakroom token off`", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The token file is missing although there was one.
    #[error("this data folder has had tokens, and the token file {} is missing. Restore it, make a new token with `cloakroom token add`, or turn tokens off with `cloakroom token off`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The token file or one beside it cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The name is not valid for a token.
    #[error(
        "invalid token name {0:?}: use 1 to {MAX_NAME_CHARS} letters, digits, '-', '_' and '.', but not {RUN_NAME:?}"
    )]
    Name(String),
    /// A token with this name exists.
    #[error("a token named {0:?} already exists; remove it first")]
    Taken(String),
    /// No token has this name.
    #[error("no token is named {0:?}")]
    Unknown(String),
    /// The token is to expire at a time that has passed.
    #[error("the token {0:?} would have expired already; give a later time")]
    Expired(String),
    /// The token of a run can be guessed or cannot be sent in a header. Holds what is wrong, never the token.
    #[error("the token of this run {0}. Use at least 16 random bytes, in hex or base64")]
    Weak(&'static str),
    /// The system's random number generator failed.
    #[error("cannot generate a random token: {0}")]
    Random(String),
}

/// A token's line in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) hash: Hash,
    pub(super) token: Token,
}

/// The state of tokens in a data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// There is neither a token file nor a marker.
    Absent,
    /// Tokens were turned off.
    Off,
    /// Requests need one of these tokens; the list may be empty.
    Tokens(Vec<Entry>),
}

impl Content {
    pub(super) fn into_entries(self) -> Vec<Entry> {
        match self {
            Self::Tokens(entries) => entries,
            Self::Absent | Self::Off => Vec::new(),
        }
    }
}

/// A file's metadata, which changes with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            inode,
        }
    }
}

/// The stamp of a data folder's token file; `None` if it is missing or inaccessible.
pub(super) fn stamp(data: &Path) -> Option<Stamp> {
    fs::metadata(data.join(data_dir::TOKENS))
        .ok()
        .as_ref()
        .map(Stamp::of)
}

/// Reads a data folder's token file.
///
/// # Errors
/// [`Error::Unreadable`], [`Error::Line`], [`Error::Empty`] and [`Error::Missing`].
pub(super) fn read(data: &Path) -> Result<(Content, Option<Stamp>), Error> {
    let path = data.join(data_dir::TOKENS);
    // Take the stamp first, so that a change in between is noticed later.
    let stamp = stamp(data);
    match fs::read_to_string(&path) {
        Ok(text) => Ok((parse(&path, &text)?, stamp)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match is_marked(data) {
            Ok(false) => Ok((Content::Absent, None)),
            Ok(true) => Err(Error::Missing { path }),
            Err(source) => Err(Error::Unreadable { path, source }),
        },
        Err(source) => Err(Error::Unreadable { path, source }),
    }
}

fn parse(path: &Path, text: &str) -> Result<Content, Error> {
    let mut entries = Vec::new();
    let (mut is_required, mut is_off) = (false, false);
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        match whole.trim() {
            "" => {}
            REQUIRED => is_required = true,
            OFF if entries.is_empty() => is_off = true,
            comment if comment.starts_with('#') => {}
            line => match entry(line) {
                Some(entry) if !is_off && whole.ends_with('\n') => entries.push(entry),
                // A file cannot hold both tokens and `off`.
                _ => {
                    let (path, line) = (path.to_owned(), number + 1);
                    return Err(Error::Line { path, line });
                }
            },
        }
    }
    if is_required || !entries.is_empty() {
        Ok(Content::Tokens(entries))
    } else if is_off {
        Ok(Content::Off)
    } else {
        let path = path.to_owned();
        Err(Error::Empty { path })
    }
}

/// The time as the file stores it: times after the year 9999 have no form in RFC 3339.
pub(super) fn storable(time: SystemTime) -> SystemTime {
    time.min(UNIX_EPOCH + LAST_TIME)
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().filter(|name| is_name(name))?;
    let mut hash = Hash::default();
    hex::decode_to_slice(words.next()?, &mut hash).ok()?;
    let (mut kind, mut expires, mut replaced) = (None, None, false);
    for word in words {
        if let Some(time) = word.strip_prefix(EXPIRES)
            && expires.is_none()
        {
            expires = Some(humantime::parse_rfc3339(time).ok()?);
        } else if word == REPLACED && !replaced {
            replaced = true;
        } else if kind.is_none() {
            kind = TokenKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == word);
            kind?;
        } else {
            return None;
        }
    }
    Some(Entry {
        hash,
        token: Token {
            name: name.into(),
            kind: kind.unwrap_or(TokenKind::User),
            expires,
            replaced,
        },
    })
}

pub(crate) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=MAX_NAME_CHARS).contains(&name.len()) && name.chars().all(plain) && name != RUN_NAME
}

/// Atomically replaces the file, readable by its owner only. The marker is written first: after a crash in between, no
/// server starts on the folder.
///
/// # Errors
/// [`Error::Unwritable`].
pub(super) fn write(data: &Path, entries: &[Entry]) -> Result<(), Error> {
    mark(data)?;
    let mut text = String::from(HEADER);
    for Entry { hash, token } in entries {
        text.push_str(&format!("{} {}", token.name, hex::encode(hash)));
        if token.kind != TokenKind::User {
            text.push_str(&format!(" {}", token.kind.as_str()));
        }
        if let Some(end) = token.expires {
            text.push_str(&format!(
                " {EXPIRES}{}",
                humantime::format_rfc3339_seconds(end)
            ));
        }
        if token.replaced {
            text.push_str(&format!(" {REPLACED}"));
        }
        text.push('\n');
    }
    if entries.is_empty() {
        text.push_str(&format!("{REQUIRED}\n"));
    }
    replace(&data.join(data_dir::TOKENS), &text)
}

/// Turns tokens off. After a crash in between, the marker is left, but the file takes precedence.
///
/// # Errors
/// [`Error::Unwritable`].
pub(super) fn write_off(data: &Path) -> Result<(), Error> {
    replace(&data.join(data_dir::TOKENS), &format!("{HEADER}{OFF}\n"))?;
    let marker = data.join(data_dir::TOKENS_REQUIRED);
    match fs::remove_file(&marker) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Unwritable {
            path: marker,
            source,
        }),
        _ => Ok(()),
    }
}

fn is_marked(data: &Path) -> io::Result<bool> {
    data.join(data_dir::TOKENS_REQUIRED).try_exists()
}

/// Creates the marker file: the folder has had a token.
///
/// # Errors
/// [`Error::Unwritable`].
pub(super) fn mark(data: &Path) -> Result<(), Error> {
    if is_marked(data).is_ok_and(|is_marked| is_marked) {
        return Ok(());
    }
    replace(&data.join(data_dir::TOKENS_REQUIRED), MARKER)
}

fn replace(path: &Path, text: &str) -> Result<(), Error> {
    data_dir::write_private_file(path, text.as_bytes()).map_err(|source| Error::Unwritable {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_lines_are_rejected() {
        let digest = "ab".repeat(32);
        let check = |line: &str, name: &str, kind, seconds: Option<u64>, replaced| {
            let token = Token {
                name: name.into(),
                kind,
                expires: seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
                replaced,
            };
            assert_eq!(entry(line).map(|entry| entry.token), Some(token), "{line}");
        };
        let (user, admin, metrics) = (TokenKind::User, TokenKind::Admin, TokenKind::Metrics);
        check(&format!("anna {digest}"), "anna", user, None, false);
        check(
            &format!("a-b_c.9\t{digest}  admin"),
            "a-b_c.9",
            admin,
            None,
            false,
        );
        let line = format!("prom {digest} metrics expires=1970-01-01T00:01:00Z replaced");
        check(&line, "prom", metrics, Some(60), true);
        for bad in [
            "anna".to_owned(),
            format!("anna {}", &digest[2..]),
            format!("anna {digest}00"),
            format!("anna {}", "xy".repeat(32)),
            format!("anna {digest} root"),
            format!("anna {digest} admin x"),
            format!("anna {digest} admin metrics"),
            format!("anna {digest} expires=tomorrow"),
            format!("anna {digest} expires=1970-01-01T00:01:00Z expires=1970-01-01T00:01:00Z"),
            format!("{RUN_NAME} {digest}"),
            format!("a/b {digest}"),
            format!("{} {digest}", "a".repeat(65)),
        ] {
            assert_eq!(entry(&bad), None, "{bad}");
        }
    }

    #[test]
    fn truncated_file_never_turns_tokens_off() {
        let anna = format!("anna {}\n", "00".repeat(32));
        let path = Path::new("tokens");
        let tokens = |text: &str| match parse(path, text) {
            Ok(Content::Tokens(entries)) => Some(entries.len()),
            Ok(Content::Absent | Content::Off) => panic!("{text:?} opens a server"),
            Err(_) => None,
        };
        let whole = format!("{HEADER}{anna}");
        for cut in 0..whole.len() {
            assert_eq!(tokens(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(tokens(&whole), Some(1));
        assert_eq!(tokens(&format!("{HEADER}{REQUIRED}\n")), Some(0));
        assert_eq!(tokens(&format!("{anna}bad\n")), None);
        assert_eq!(tokens(&format!("{anna}{OFF}\n")), None);
        assert_eq!(tokens(&format!("{OFF}\n{anna}")), None);
        assert_eq!(tokens(&"\0".repeat(100)), None);
        let off = parse(path, &format!("{HEADER}{OFF}\n"));
        assert!(matches!(off, Ok(Content::Off)), "{off:?}");
    }
}
