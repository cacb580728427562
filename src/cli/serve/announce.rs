//! Announces where the server listens: a line on stdout, the only one that `serve` writes there, and the file `server.json`
//! in the data folder.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::flags::Announce;
use crate::cli::output::{NotWritten, print_line};
use crate::config::Listen;
use crate::data_dir;

/// The content of the announcement.
#[derive(Serialize)]
pub(super) struct Announcement {
    event: &'static str,
    urls: Vec<String>,
    pid: u32,
    version: &'static str,
    token: Option<String>,
}

impl Announcement {
    /// The announcement of a server on these addresses, with the token of this run.
    pub(super) fn new(addresses: &[Listen], token: Option<String>) -> Self {
        Self {
            event: "listening",
            urls: addresses.iter().map(Listen::url).collect(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
            token,
        }
    }

    /// Prints the announcement on stdout. The text form leaves out the token.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn print(&self, form: Announce) -> io::Result<()> {
        let line = match form {
            Announce::Text => format!(
                "cloakroom {} listens on {}",
                self.version,
                self.urls.join(" ")
            ),
            Announce::Json => self.json(),
        };
        print_line(line).map_err(NotWritten::into_error)
    }

    /// Logs the addresses.
    pub(super) fn log(&self) {
        let (urls, version) = (self.urls.join(" "), self.version);
        tracing::info!(urls, version, pid = self.pid, "listening");
    }

    fn json(&self) -> String {
        serde_json::to_string(self).expect("a struct of strings and numbers always serializes")
    }
}

/// The file `server.json`, removed on drop. The caller must hold the lock of the data folder.
pub(super) struct ServerFile(PathBuf);

impl ServerFile {
    /// Writes the file and replaces one left by a crash. A write error is only logged, so that the server starts on a full disk.
    pub(super) fn write(data: &Path, announcement: &Announcement) -> Self {
        let path = data.join(data_dir::SERVER);
        let line = announcement.json() + "\n";
        if let Err(error) = data_dir::write_private_file(&path, line.as_bytes()) {
            tracing::warn!(path = %path.display(), %error, "cannot write the server file; clients cannot find this server by --data");
        }
        Self(path)
    }
}

impl Drop for ServerFile {
    fn drop(&mut self) {
        let removed = std::fs::remove_file(&self.0);
        if let Err(error) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the server file; clients may look for a server that has stopped");
        }
    }
}
