//! Debian's Chromium, headless.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::harness::skipped;

/// A browser process, ended on drop.
pub(super) struct Chromium {
    child: Child,
    _profile: TempDir,
}

impl Chromium {
    /// Opens a page. Every name that ends in `.test` resolves to `site`. `None` (and a message) if Chromium is missing.
    pub(super) fn open(page: &str, site: SocketAddr) -> Option<Self> {
        let mut command = Command::new("chromium");
        command.arg(page).stdin(Stdio::null()).stdout(Stdio::null());
        Self::start(command, site)
    }

    /// Starts a browser with its control pipes, see `--remote-debugging-pipe`. Every name that ends in `.test` resolves
    /// to `named`. `None` as in [`Chromium::open`].
    pub(super) fn drive(named: SocketAddr) -> Option<(Self, ChildStdin, ChildStdout)> {
        if let Err(error) = Command::new("chromium").arg("--version").output() {
            skipped(&format!("chromium: {error}"));
            return None;
        }
        // The browser expects the pipes as descriptors 3 and 4.
        let script =
            r#"exec chromium --remote-debugging-pipe "$@" 3<&0 4>&1 </dev/null >/dev/null"#;
        let mut command = Command::new("sh");
        command
            .args(["-c", script, "chromium"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut browser = Self::start(command, named)?;
        let commands = browser.child.stdin.take().expect("it is piped");
        let answers = browser.child.stdout.take().expect("it is piped");
        Some((browser, commands, answers))
    }

    fn start(mut command: Command, named: SocketAddr) -> Option<Self> {
        let profile = tempfile::tempdir().expect("a folder");
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
            // Turns off the browser's own protection of loopback, which is not under test.
            .arg("--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests")
            .arg(format!("--host-resolver-rules=MAP *.test {named}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .process_group(0);
        match command.stderr(Stdio::null()).spawn() {
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
        // Including all processes that it has started.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
