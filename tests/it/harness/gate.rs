//! A failpoint at which the server waits until the test lets it continue.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use super::{Site, wait_for};

/// Accepts the server's connection at a failpoint; see `CLOAKROOM_FAULT`.
pub(crate) struct Gate {
    listener: UnixListener,
    path: PathBuf,
}

/// The server waits until this is dropped.
pub(crate) struct AtGate(#[expect(dead_code, reason = "it is held")] UnixStream);

impl Gate {
    pub(crate) fn new(site: &Site) -> Self {
        let path = site.path().join("gate");
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("a socket");
        listener.set_nonblocking(true).expect("it can be asked");
        Self { listener, path }
    }

    /// The value of `CLOAKROOM_FAULT` that stops the server at `point`.
    pub(crate) fn at(&self, point: &str) -> String {
        format!("{point}@{}", self.path.display())
    }

    /// Waits until the server has reached the failpoint.
    pub(crate) fn reached(&self) -> AtGate {
        let stream = wait_for("the server", || self.listener.accept().ok());
        AtGate(stream.0)
    }
}
