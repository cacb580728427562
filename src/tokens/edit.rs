//! The edits of `cloakroom token` to a data folder, with or without a running server.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::file::{self, Content, Entry, Error};
use super::text::{generate, hash};
use super::token::{Token, TokenKind};
use super::uses::Uses;
use crate::data_dir;

/// Creates a token that is valid until `expires`, and returns its text, which is stored nowhere. Replaces a token file that
/// is empty or missing.
///
/// # Errors
/// [`Error::Name`], [`Error::Taken`], [`Error::Expired`], and errors of reading or writing the token file.
pub fn add(
    data: &Path,
    name: &str,
    kind: TokenKind,
    expires: Option<SystemTime>,
) -> Result<String, Error> {
    if !file::is_name(name) {
        return Err(Error::Name(name.to_owned()));
    }
    let token = Token {
        name: name.into(),
        kind,
        expires: expires.map(file::storable),
        replaced: false,
    };
    if token.has_expired(SystemTime::now()) {
        return Err(Error::Expired(name.to_owned()));
    }
    let _lock = lock(data)?;
    let mut entries = match file::read(data) {
        Ok((content, _)) => content.into_entries(),
        Err(Error::Empty { .. } | Error::Missing { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    if entries.iter().any(|entry| *entry.token.name == *name) {
        return Err(Error::Taken(name.to_owned()));
    }
    let text = generate()?;
    entries.push(Entry {
        hash: hash(&text),
        token,
    });
    write(data, entries)?;
    Ok(text)
}

/// Replaces a token by a new one with the same name and kind, and returns the text of the new one. The old one stays valid
/// for the time `grace`; one that it had replaced itself ends at once. The new one is valid until `expires`, by default as
/// long as the old one would have been.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Expired`], and errors of reading or writing the token file.
pub fn rotate(
    data: &Path,
    name: &str,
    grace: Duration,
    expires: Option<SystemTime>,
) -> Result<String, Error> {
    let unknown = || Error::Unknown(name.to_owned());
    if file::read(data)?.0 == Content::Absent {
        // Return before locking, which would create the data folder.
        return Err(unknown());
    }
    let _lock = lock(data)?;
    let mut entries = file::read(data)?.0.into_entries();
    let is_current = |entry: &Entry| *entry.token.name == *name && !entry.token.replaced;
    let old = entries.iter().find(|entry| is_current(entry)).cloned();
    let mut old = old.ok_or_else(unknown)?;
    let now = SystemTime::now();
    let new = Token {
        expires: expires.map(file::storable).or(old.token.expires),
        ..old.token.clone()
    };
    if new.has_expired(now) {
        return Err(Error::Expired(name.to_owned()));
    }
    let text = generate()?;
    entries.retain(|entry| *entry.token.name != *name);
    let end = file::storable(now + grace.min(file::LAST_TIME));
    old.token.expires = Some(old.token.expires.map_or(end, |own| own.min(end)));
    old.token.replaced = true;
    entries.push(old);
    entries.push(Entry {
        hash: hash(&text),
        token: new,
    });
    write(data, entries)?;
    Ok(text)
}

/// Writes the tokens, without replaced ones that have expired.
///
/// # Errors
/// [`Error::Unwritable`].
fn write(data: &Path, mut entries: Vec<Entry>) -> Result<(), Error> {
    let now = SystemTime::now();
    entries.retain(|entry| !(entry.token.replaced && entry.token.has_expired(now)));
    file::write(data, &entries)
}

/// A token of a data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// The token.
    pub token: Token,
    /// When a request last had this token; `None` if that is not known. A running server saves this once a minute.
    pub last_used: Option<SystemTime>,
}

/// All tokens.
///
/// # Errors
/// [`Error::Unreadable`], [`Error::Line`], [`Error::Empty`] or [`Error::Missing`].
pub fn list(data: &Path) -> Result<Vec<ListedToken>, Error> {
    let entries = file::read(data)?.0.into_entries();
    let uses = Uses::read(data);
    let listed = |entry: Entry| ListedToken {
        last_used: uses.of(&entry.hash),
        token: entry.token,
    };
    Ok(entries.into_iter().map(listed).collect())
}

/// Removes the token with this name, and the one that it has replaced. Requests without a token stay rejected when the last one is removed; see
/// [`turn_off`].
///
/// # Errors
/// [`Error::Unknown`], and errors of reading or writing the token file.
pub fn remove(data: &Path, name: &str) -> Result<(), Error> {
    let unknown = || Error::Unknown(name.to_owned());
    if file::read(data)?.0 == Content::Absent {
        // Return before locking, which would create the data folder.
        return Err(unknown());
    }
    let _lock = lock(data)?;
    let mut entries = file::read(data)?.0.into_entries();
    let before = entries.len();
    entries.retain(|entry| *entry.token.name != *name);
    if entries.len() == before {
        return Err(unknown());
    }
    write(data, entries)
}

/// Removes all tokens and turns them off: a server on this data folder then accepts requests without one.
///
/// # Errors
/// [`Error::Unwritable`].
pub fn turn_off(data: &Path) -> Result<(), Error> {
    let _lock = lock(data)?;
    file::write_off(data)
}

/// Locks the token file against other editors until the returned file is dropped. Creates the data folder.
fn lock(data: &Path) -> Result<File, Error> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| Error::Unwritable { path, source }
    };
    data_dir::create_private_dir_all(data).map_err(unwritable(data))?;
    let path = data.join(data_dir::TOKENS_LOCK);
    let file = File::create(&path).map_err(unwritable(&path))?;
    file.lock().map_err(unwritable(&path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_names_are_unique() {
        let data = tempfile::tempdir().expect("a folder");
        add(data.path(), "anna", TokenKind::Admin, None).expect("the first");
        assert!(matches!(
            add(data.path(), "anna", TokenKind::User, None),
            Err(Error::Taken(_))
        ));
        assert!(matches!(
            add(data.path(), "a b", TokenKind::User, None),
            Err(Error::Name(_))
        ));
        assert!(matches!(remove(data.path(), "ben"), Err(Error::Unknown(_))));
        assert_eq!(list(data.path()).expect("a list").len(), 1);
    }

    #[test]
    fn rotated_token_is_replaced_after_its_grace_period() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path();
        let unknown = rotate(data, "anna", Duration::ZERO, None);
        assert!(matches!(unknown, Err(Error::Unknown(_))));
        let now = SystemTime::now();
        let end = now + Duration::from_hours(2);
        let past = now - Duration::from_secs(1);
        assert!(matches!(
            add(data, "anna", TokenKind::User, Some(past)),
            Err(Error::Expired(_))
        ));
        add(data, "anna", TokenKind::Admin, Some(end)).expect("a token");
        let left = |token: &Token| {
            let left = token.expires.and_then(|end| end.duration_since(now).ok());
            left.map(|left| left.as_secs().div_ceil(60))
        };
        let listed = |tokens: Vec<ListedToken>| -> Vec<_> {
            let tokens = tokens.iter().map(|listed| &listed.token);
            tokens.map(|token| (left(token), token.replaced)).collect()
        };
        let rotate = |grace: u64, expires| {
            let grace = Duration::from_secs(grace * 60);
            let text = super::rotate(data, "anna", grace, expires).expect("a token");
            assert!(
                list(data)
                    .expect("a list")
                    .iter()
                    .all(|listed| listed.token.kind == TokenKind::Admin)
            );
            (text, listed(list(data).expect("a list")))
        };
        // The times of the file are whole seconds, rounded down.
        let (first, tokens) = rotate(60, None);
        assert_eq!(tokens, [(Some(60), true), (Some(120), false)]);
        let (second, tokens) = rotate(600, None);
        assert_eq!(
            tokens,
            [(Some(120), true), (Some(120), false)],
            "not beyond its own end"
        );
        assert_ne!(first, second);
        let later = now + Duration::from_hours(3);
        assert_eq!(rotate(0, Some(later)).1, [(Some(180), false)]);
        let past = super::rotate(data, "anna", Duration::ZERO, Some(past));
        assert!(matches!(past, Err(Error::Expired(_))));
        rotate(60, None);
        remove(data, "anna").expect("it was there");
        assert!(list(data).expect("a list").is_empty());
    }

    #[test]
    fn lost_token_file_is_an_error_until_tokens_are_added_or_turned_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let lose = || std::fs::remove_file(data.join(data_dir::TOKENS)).expect("it was there");
        assert_eq!(list(&data).expect("no tokens").len(), 0);
        add(&data, "anna", TokenKind::User, None).expect("a token");
        lose();
        assert!(matches!(list(&data), Err(Error::Missing { .. })));
        assert!(matches!(remove(&data, "anna"), Err(Error::Missing { .. })));
        add(&data, "ben", TokenKind::User, None).expect("a token");
        assert_eq!(list(&data).expect("a list").len(), 1);
        lose();
        turn_off(&data).expect("it can be written");
        assert_eq!(list(&data).expect("no tokens").len(), 0);
        lose();
        assert_eq!(list(&data).expect("no tokens").len(), 0);
    }
}
