//! A temporary folder with a data folder and a root.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::Server;
use super::invariants::check_tables;

/// A data folder and a root named `docs`, for the servers of a test, one after the other.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        let site = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        std::fs::create_dir(site.docs()).expect("a root");
        site
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn docs(&self) -> PathBuf {
        self.path().join("docs")
    }

    /// Writes a file below the root.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.docs().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, bytes).expect("a file");
    }

    /// Creates a sparse file, which takes no space and some time to zip.
    pub(crate) fn write_zeros(&self, path: &str, bytes: u64) {
        let file = std::fs::File::create(self.docs().join(path)).expect("a file");
        file.set_len(bytes).expect("its length");
    }

    /// The command line of a server for this site.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command.arg("serve").arg("--data").arg(self.data());
        command
            .arg("--root")
            .arg(format!("docs={}", self.docs().display()));
        command
            .args(["--listen", "127.0.0.1:0", "--announce", "json"])
            .env("CLOAKROOM_LOG", "error");
        command
    }

    /// Creates a token; returns its Authorization header.
    pub(crate) fn token(&self, name: &str, flags: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command.args(["token", "add", name]).args(flags);
        let output = command.arg("--data").arg(self.data()).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        format!("Bearer {}", text.trim())
    }

    /// A server of `examples/custom_operation.rs`, whose operation `digest` takes a document.
    pub(crate) fn serve_example(&self) -> Server {
        self.serve_with(self.example())
    }

    /// The same with the root.
    pub(crate) fn serve_example_with_docs(&self) -> Server {
        let mut command = self.example();
        command.arg(format!("docs={}", self.docs().display()));
        self.serve_with(command)
    }

    fn example(&self) -> Command {
        let mut command = Command::new(example("custom_operation"));
        command.arg(self.data()).arg("127.0.0.1:0");
        command
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(self.command())
    }

    pub(crate) fn serve_with(&self, command: Command) -> Server {
        self.try_serve_with(command).expect("the server starts")
    }

    /// As [`Site::serve_with`], for a server that may exit before it has announced its address.
    pub(crate) fn try_serve_with(&self, command: Command) -> Result<Server, String> {
        Server::start(command, self.data())
    }

    /// Checks the database's invariants; no server may be running.
    pub(crate) fn check_tables(&self) {
        check_tables(&self.data().join("cloakroom.db"));
    }
}

/// The path of an example's program. `cargo test` builds it; `cargo test --test it` uses it as it is.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("this program has a path");
    let target = tests.ancestors().nth(2).expect("a target folder");
    target.join("examples").join(name)
}
