//! Where the server listens, for whoever wants to talk to it: the one thing that `serve` writes to stdout, and a file
//! in the data folder.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::flags::Announce;
use crate::cli::output::{NotWritten, print_line};
use crate::config::Listen;
use crate::private_file;

/// The file's name in the data folder.
pub(in crate::cli) const SERVER_FILE: &str = "server.json";

/// What is said.
#[derive(Serialize)]
pub(super) struct Announcement {
    event: &'static str,
    urls: Vec<String>,
    pid: u32,
    version: &'static str,
    token: Option<String>,
}

impl Announcement {
    /// About a server that listens there, and the token of its run.
    pub(super) fn new(addresses: &[Listen], token: Option<String>) -> Self {
        Self {
            event: "listening",
            urls: addresses.iter().map(Listen::url).collect(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
            token,
        }
    }

    /// Says it on stdout. People are not shown a token.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn say(&self, form: Announce) -> io::Result<()> {
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

    fn json(&self) -> String {
        serde_json::to_string(self).expect("plain structs always serialise")
    }
}

/// The file, which goes with this. The data folder's lock must be held meanwhile.
pub(super) struct ServerFile(PathBuf);

impl ServerFile {
    /// Writes it; one that a crash left behind is replaced. A full disk keeps no server from starting.
    pub(super) fn write(data: &Path, announcement: &Announcement) -> Self {
        let path = data.join(SERVER_FILE);
        let line = announcement.json() + "\n";
        if let Err(error) = private_file::write_file(&path, line.as_bytes()) {
            tracing::warn!(path = %path.display(), %error, "clients will not find this server by its data");
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
            tracing::warn!(path = %self.0.display(), %error, "clients will look for a server that is gone");
        }
    }
}
