//! Files of the data folder that are for their owner's eyes only, and whole at every moment.

use std::io::{self, Write};
use std::path::Path;

/// Writes a file under another name, syncs it, and gives it its own: mode 0600, old or new, never half of it.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // A temporary file is made with mode 0600.
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}
