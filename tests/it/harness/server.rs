//! A server process for a single test.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use serde_json::Value;

use super::invariants::check_tables;
use super::{Client, wait_for};

/// A running server; killed on drop.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
}

impl Server {
    /// Starts the server of a command line, which announces its address on stdout.
    pub(crate) fn of(command: Command, data: PathBuf) -> Self {
        Self::start(command, data).expect("the server starts")
    }

    pub(super) fn start(mut command: Command, data: PathBuf) -> Result<Self, String> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("a line");
        // The JSON announcement, or a line with the address.
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

    /// The write end of the server's standard input.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Kills the server. As after a power cut, except that the kernel still has its unsynced data.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Stops the server gracefully and checks its data.
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

    /// Waits until the server has exited.
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
