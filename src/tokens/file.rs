//! The file of tokens: a line for each, its name, the SHA-256 of its text, and `admin` if it sees every job. Lines that
//! begin with `#` are for people.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Hash, RUN_NAME, Token, fresh, hash};

/// The name of the file in the data folder.
pub(crate) const FILE: &str = "tokens";
/// Held by whoever edits the file.
const LOCK_FILE: &str = "tokens.lock";
/// The longest name, in characters.
const NAME_CHARS: usize = 64;

/// Why tokens cannot be had or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// About which file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A line that cannot be understood.
    #[error("{}:{line}: expected NAME SHA256 [admin]", path.display())]
    Line {
        /// Of which file.
        path: PathBuf,
        /// Which, from 1.
        line: usize,
    },
    /// A name that no token may have.
    #[error(
        "{0:?} is no name for a token: 1 to {NAME_CHARS} letters, digits, '-', '_' and '.', and not {RUN_NAME:?}"
    )]
    Name(String),
    /// There is one of this name.
    #[error("there is a token named {0:?} already: remove it first")]
    Taken(String),
    /// There is none of this name.
    #[error("there is no token named {0:?}")]
    Unknown(String),
    /// The system has no randomness.
    #[error("no random numbers: {0}")]
    Random(String),
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) hash: Hash,
    pub(super) token: Token,
}

/// What a file looks like from the outside: another stamp, another content.
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

/// The stamp of the file; none where there is no file, or none to be seen.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().as_ref().map(Stamp::of)
}

/// Every line.
pub(super) fn read(path: &Path) -> Result<(Vec<Entry>, Option<Stamp>), Error> {
    // The stamp first: what changes in between is read again later.
    let stamp = stamp(path);
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        Err(source) => return Err(about(path, source)),
    };
    let lines = lines(&text).map(|(line, entry)| {
        entry.ok_or_else(|| Error::Line {
            path: path.to_owned(),
            line,
        })
    });
    Ok((lines.collect::<Result<_, _>>()?, stamp))
}

/// Every line that can be understood; what is wrong is logged.
pub(super) fn read_leniently(path: &Path) -> (Vec<Entry>, Option<Stamp>) {
    let stamp = stamp(path);
    let text = fs::read_to_string(path).unwrap_or_else(|error| {
        tracing::error!(path = %path.display(), %error, "the tokens cannot be read");
        String::new()
    });
    let entries = lines(&text).filter_map(|(line, entry)| {
        if entry.is_none() {
            tracing::error!(path = %path.display(), line, "a line of the tokens is not NAME SHA256 [admin]");
        }
        entry
    });
    (entries.collect(), stamp)
}

/// The lines of a file that are not for people, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, Option<Entry>)> {
    let lines = text.lines().enumerate();
    let lines = lines.map(|(n, line)| (n + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(n, line)| (n, entry(line)))
}

fn entry(line: &str) -> Option<Entry> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let (name, digest, admin) = match *words {
        [name, digest] => (name, digest, false),
        [name, digest, "admin"] => (name, digest, true),
        _ => return None,
    };
    let mut hash = Hash::default();
    hex::decode_to_slice(digest, &mut hash).ok()?;
    let name = is_name(name).then(|| name.into())?;
    Some(Entry {
        hash,
        token: Token { name, admin },
    })
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=NAME_CHARS).contains(&name.len()) && name.chars().all(plain) && name != RUN_NAME
}

/// Makes a token and gives its text, which is nowhere else.
///
/// # Errors
/// A name that is taken or none; what the disk says.
pub fn add(data: &Path, name: &str, admin: bool) -> Result<String, Error> {
    if !is_name(name) {
        return Err(Error::Name(name.to_owned()));
    }
    crate::store::create_private_dir(data).map_err(|source| about(data, source))?;
    let _lock = lock(data)?;
    let path = data.join(FILE);
    let mut entries = read(&path)?.0;
    if entries.iter().any(|entry| *entry.token.name == *name) {
        return Err(Error::Taken(name.to_owned()));
    }
    let text = fresh()?;
    entries.push(Entry {
        hash: hash(&text),
        token: Token {
            name: name.into(),
            admin,
        },
    });
    write(&path, &entries)?;
    Ok(text)
}

/// Every token.
///
/// # Errors
/// A file that cannot be read, or a line of it.
pub fn list(data: &Path) -> Result<Vec<Token>, Error> {
    let (entries, _) = read(&data.join(FILE))?;
    Ok(entries.into_iter().map(|entry| entry.token).collect())
}

/// Removes the tokens of this name.
///
/// # Errors
/// There is none; what the disk says.
pub fn remove(data: &Path, name: &str) -> Result<(), Error> {
    let path = data.join(FILE);
    if stamp(&path).is_none() {
        return Err(Error::Unknown(name.to_owned()));
    }
    let _lock = lock(data)?;
    let mut entries = read(&path)?.0;
    let before = entries.len();
    entries.retain(|entry| *entry.token.name != *name);
    if entries.len() == before {
        return Err(Error::Unknown(name.to_owned()));
    }
    write(&path, &entries)
}

/// One editor at a time; given back when the file is dropped.
fn lock(data: &Path) -> Result<File, Error> {
    let path = data.join(LOCK_FILE);
    let file = File::create(&path).map_err(|source| about(&path, source))?;
    file.lock().map_err(|source| about(&path, source))?;
    Ok(file)
}

/// Replaces the file, for its owner's eyes only. A crash leaves the old one or the new one.
fn write(path: &Path, entries: &[Entry]) -> Result<(), Error> {
    let mut text = String::from("# NAME SHA256 [admin]: see `cloakroom token`\n");
    for Entry { hash, token } in entries {
        let admin = if token.admin { " admin" } else { "" };
        text.push_str(&format!("{} {}{admin}\n", token.name, hex::encode(hash)));
    }
    crate::private::write_file(path, text.as_bytes()).map_err(|source| about(path, source))
}

fn about(path: &Path, source: io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_a_digest_and_perhaps_a_word() {
        let digest = "ab".repeat(32);
        let good = |line: &str| entry(line).map(|entry| (entry.token.name, entry.token.admin));
        assert_eq!(
            good(&format!("anna {digest}")),
            Some(("anna".into(), false))
        );
        assert_eq!(
            good(&format!("a-b_c.9\t{digest}  admin")),
            Some(("a-b_c.9".into(), true))
        );
        for bad in [
            "anna".to_owned(),
            format!("anna {}", &digest[2..]),
            format!("anna {digest}00"),
            format!("anna {}", "xy".repeat(32)),
            format!("anna {digest} root"),
            format!("anna {digest} admin x"),
            format!("{RUN_NAME} {digest}"),
            format!("a/b {digest}"),
            format!("{} {digest}", "a".repeat(65)),
        ] {
            assert_eq!(entry(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_with_a_bad_line_is_refused_at_first_and_lenient_later() {
        let data = tempfile::tempdir().expect("a folder");
        let path = data.path().join(FILE);
        let text = format!("# people\n\nanna {}\nbad\n", "00".repeat(32));
        fs::write(&path, text).expect("a file");
        assert!(
            matches!(list(data.path()), Err(Error::Line { line: 4, .. })),
            "{:?}",
            list(data.path())
        );
        assert_eq!(read_leniently(&path).0.len(), 1);
    }

    #[test]
    fn names_are_there_once() {
        let data = tempfile::tempdir().expect("a folder");
        add(data.path(), "anna", true).expect("the first");
        assert!(matches!(
            add(data.path(), "anna", false),
            Err(Error::Taken(_))
        ));
        assert!(matches!(
            add(data.path(), "a b", false),
            Err(Error::Name(_))
        ));
        assert!(matches!(remove(data.path(), "ben"), Err(Error::Unknown(_))));
        assert_eq!(list(data.path()).expect("a list").len(), 1);
    }
}
