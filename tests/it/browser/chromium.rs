//! Debian's Chromium without a window.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::harness::skipped;

/// One browser; it ends when it is dropped.
pub(super) struct Chromium {
    child: Child,
    _profile: TempDir,
}

impl Chromium {
    /// Opens a page; every name that ends in `.test` leads to `stranger`. None where there is no such browser, which is
    /// said aloud.
    pub(super) fn open(page: &str, stranger: SocketAddr) -> Option<Self> {
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("chromium");
        command
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-popup-blocking",
                "--disable-dev-shm-usage",
                "--disable-extensions",
            ])
            // The browser's own ways to keep pages from loopback are not what this is about.
            .arg("--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests")
            .arg(format!("--host-resolver-rules=MAP *.test {stranger}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(page)
            .env("HOME", profile.path())
            .process_group(0);
        let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        match spawned {
            Ok(child) => Some(Self {
                child,
                _profile: profile,
            }),
            Err(error) => {
                skipped(&format!("chromium: {error}"));
                None
            }
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // With all the processes that it has started.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
