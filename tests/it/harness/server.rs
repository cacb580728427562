//! A server of a test's own, as a process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use serde_json::Value;

use super::invariants::check_tables;
use super::{Client, wait_for};

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
}

impl Server {
    pub(super) fn start(mut command: Command, data: PathBuf) -> Result<Self, String> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("a line");
        // The server's own announcement, or a line that is the address.
        let announced = serde_json::from_str::<Value>(&line).unwrap_or_default();
        let url = announced["urls"][0].as_str().unwrap_or(line.trim());
        let Some(address) = url
            .strip_prefix("http://")
            .and_then(|address| address.parse().ok())
        else {
            child.wait().expect("it ends");
            return Err(line);
        };
        Ok(Self {
            child,
            address,
            data,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// The other end of its standard input.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Ends it as a power cut would, except for what the kernel still holds.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Ends it in order and checks what it leaves.
    pub(crate) fn stop(mut self) {
        let status = self.terminate();
        assert!(status.success(), "{status}");
        check_tables(&self.data.join("cloakroom.db"));
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it can be signalled");
    }

    /// Sends SIGTERM and waits.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the server's end", || {
            self.child.try_wait().expect("its status")
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
