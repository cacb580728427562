//! What `cloakroom token` does to a data folder, whether or not a server runs on it.

use std::fs::File;
use std::io;
use std::path::Path;

use super::file::{self, Content, Entry, Error};
use super::{Token, fresh, hash};

/// Held by whoever edits the token file.
const LOCK_FILE: &str = "tokens.lock";

/// Makes a token and gives its text, which is nowhere else.
///
/// # Errors
/// [`Error::Name`] and [`Error::Taken`]; a token file that is malformed or cannot be written. One that is empty or
/// missing is made anew.
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
    let text = fresh()?;
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

/// Every token.
///
/// # Errors
/// A token file that is unreadable, malformed, empty, or missing where there was one.
pub fn list(data: &Path) -> Result<Vec<Token>, Error> {
    let entries = file::read(data)?.0.into_entries();
    Ok(entries.into_iter().map(|entry| entry.token).collect())
}

/// Removes the tokens of this name. Without tokens left, requests are still rejected: see [`turn_off`].
///
/// # Errors
/// [`Error::Unknown`]; a token file that is unreadable, malformed, empty, missing where there was one, or cannot be
/// written.
pub fn remove(data: &Path, name: &str) -> Result<(), Error> {
    let unknown = || Error::Unknown(name.to_owned());
    if file::read(data)?.0 == Content::Absent {
        // Nothing is to be locked, so that no data folder is made.
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

/// Forgets every token, so that a server on this data folder answers requests without one.
///
/// # Errors
/// [`Error::Unwritable`].
pub fn turn_off(data: &Path) -> Result<(), Error> {
    let _lock = lock(data)?;
    file::write_off(data)
}

/// One editor at a time; given back when the file is dropped. Makes the data folder.
fn lock(data: &Path) -> Result<File, Error> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| Error::Unwritable { path, source }
    };
    crate::store::create_private_dir(data).map_err(unwritable(data))?;
    let path = data.join(LOCK_FILE);
    let file = File::create(&path).map_err(unwritable(&path))?;
    file.lock().map_err(unwritable(&path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_lost_token_file_is_missed_until_tokens_are_added_or_turned_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let lose = || std::fs::remove_file(data.join(file::FILE)).expect("it was there");
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
