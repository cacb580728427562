//! The edits of `cloakroom token` to a data folder, with or without a running server.

use std::fs::File;
use std::io;
use std::path::Path;

use super::file::{self, Content, Entry, Error};
use super::table::{generate, hash};
use super::token::Token;
use crate::data_dir;

/// Creates a token and returns its text, which is stored nowhere. Replaces a token file that is empty or missing.
///
/// # Errors
/// [`Error::Name`], [`Error::Taken`], and errors of reading or writing the token file.
pub fn add(data: &Path, name: &str, admin: bool) -> Result<String, Error> {
    if !file::is_name(name) {
        return Err(Error::Name(name.to_owned()));
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
        token: Token {
            name: name.into(),
            admin,
        },
    });
    file::write(data, &entries)?;
    Ok(text)
}

/// All tokens.
///
/// # Errors
/// [`Error::Unreadable`], [`Error::Line`], [`Error::Empty`] or [`Error::Missing`].
pub fn list(data: &Path) -> Result<Vec<Token>, Error> {
    let entries = file::read(data)?.0.into_entries();
    Ok(entries.into_iter().map(|entry| entry.token).collect())
}

/// Removes the token with this name. Requests without a token stay rejected when the last one is removed; see
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
    file::write(data, &entries)
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

    #[test]
    fn lost_token_file_is_an_error_until_tokens_are_added_or_turned_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let lose = || std::fs::remove_file(data.join(data_dir::TOKENS)).expect("it was there");
        assert_eq!(list(&data).expect("no tokens").len(), 0);
        add(&data, "anna", false).expect("a token");
        lose();
        assert!(matches!(list(&data), Err(Error::Missing { .. })));
        assert!(matches!(remove(&data, "anna"), Err(Error::Missing { .. })));
        add(&data, "ben", false).expect("a token");
        assert_eq!(list(&data).expect("a list").len(), 1);
        lose();
        turn_off(&data).expect("it can be written");
        assert_eq!(list(&data).expect("no tokens").len(), 0);
        lose();
        assert_eq!(list(&data).expect("no tokens").len(), 0);
    }
}
