//! The data folder: the names of everything in it, and how files and folders are kept private and durable.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::path::Path;

/// The database.
pub(crate) const DATABASE: &str = "cloakroom.db";
/// The write-ahead log of the database.
pub(crate) const DATABASE_WAL: &str = "cloakroom.db-wal";
/// Shared memory through which the processes that use the database coordinate.
pub(crate) const DATABASE_SHARED_MEMORY: &str = "cloakroom.db-shm";
/// A new database until it is complete.
pub(crate) const NEW_DATABASE: &str = "cloakroom.db.new";
/// Locked by the server that uses the folder; holds its process id.
pub(crate) const LOCK: &str = "lock";
/// Reserves disk space, and is deleted when the disk is full.
pub(crate) const BALLAST: &str = "ballast";
/// The access tokens.
pub(crate) const TOKENS: &str = "tokens";
/// Exists once tokens are required, to detect that the token file is lost.
pub(crate) const TOKENS_REQUIRED: &str = "tokens.required";
/// Locked while the token file is edited.
pub(crate) const TOKENS_LOCK: &str = "tokens.lock";
/// When the tokens were last used.
pub(crate) const TOKENS_USED: &str = "tokens.used";
/// The folders of running commands.
pub(crate) const WORK: &str = "work";
/// The addresses of the running server.
pub(crate) const SERVER: &str = "server.json";

/// Creates a folder that only its owner can access, and its parents. An existing folder is not changed.
pub(crate) fn create_private_dir_all(path: &Path) -> io::Result<()> {
    create(path, true)
}

/// Creates a folder that only its owner can access.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if the path exists.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    create(path, false)
}

fn create(path: &Path, recursive: bool) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(recursive);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Replaces a file atomically: writes a temporary file with mode 0600, syncs it and renames it to `path`.
pub(crate) fn write_private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // `tempfile` creates the file with mode 0600.
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(folder)
}

/// Makes the names of new and renamed files in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    std::fs::File::open(path)?.sync_all()?;
    // Other systems cannot sync a folder.
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
