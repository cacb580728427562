//! A real server on a port of its own, a client that says what status it expects, and the checks that follow.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Longer than anything that works ever takes.
pub(crate) const GENEROUS: Duration = Duration::from_mins(1);

/// A folder with a data folder and a root named `docs` in it, and the servers that work there one after the other.
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

    /// Makes a file of that many zeros, which takes no room and some time to zip.
    pub(crate) fn write_zeros(&self, path: &str, bytes: u64) {
        let file = std::fs::File::create(self.docs().join(path)).expect("a file");
        file.set_len(bytes).expect("its length");
    }

    /// The command line of a server here.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command.arg("serve").arg("--data").arg(self.data());
        command
            .arg("--root")
            .arg(format!("docs={}", self.docs().display()));
        command
            .args(["--listen", "127.0.0.1:0", "--announce", "json"])
            .env("CLOAKROOM_LOG", "warn");
        command
    }

    /// Makes a token and gives the header that shows it.
    pub(crate) fn token(&self, name: &str, flags: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command.args(["token", "add", name]).args(flags);
        let output = command.arg("--data").arg(self.data()).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        format!("Bearer {}", text.trim())
    }

    /// A server of `examples/custom_operation.rs`, whose `digest` takes a document.
    pub(crate) fn serve_example(&self) -> Server {
        self.serve_with(self.example())
    }

    /// The same, and it may read the root.
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

    /// As [`Site::serve_with`], for a server that may end before it has said where it listens.
    pub(crate) fn try_serve_with(&self, command: Command) -> Result<Server, String> {
        Server::start(command, self.data())
    }

    /// What must be true of the tables whenever no server runs.
    pub(crate) fn check_tables(&self) {
        check_tables(&self.data().join("cloakroom.db"));
    }
}

/// The program that was made of an example. `cargo test` makes it; `cargo test --test it` takes it as it is.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("this program has a path");
    let target = tests.ancestors().nth(2).expect("a target folder");
    target.join("examples").join(name)
}

/// Bytes that do not get shorter, the same every time.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words = std::iter::repeat_with(next).take(bytes.div_ceil(8));
    words.flat_map(u64::to_le_bytes).take(bytes).collect()
}

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
}

impl Server {
    fn start(mut command: Command, data: PathBuf) -> Result<Self, String> {
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

/// An event stream.
pub(crate) struct Events {
    pub(crate) head: String,
    lines: BufReader<TcpStream>,
}

impl Events {
    /// The next event: its name, its id, its data; none at the stream's end.
    pub(crate) fn next(&mut self) -> Option<(String, String, Value)> {
        let (mut name, mut id) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("a line") == 0 {
                return None;
            }
            // Lines of the chunked coding are no fields.
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => text.clone_into(&mut name),
                Some(("id", text)) => text.clone_into(&mut id),
                Some(("data", text)) => {
                    return Some((name, id, serde_json::from_str(text).expect("JSON")));
                }
                _ => {}
            }
        }
    }
}

/// Asks one server.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    address: SocketAddr,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e} in {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    pub(crate) fn get(&self, path: &str, expected: u16) -> Reply {
        self.ask("GET", path, &[], b"", expected)
    }

    pub(crate) fn post(&self, path: &str, json: &Value, expected: u16) -> Reply {
        self.ask(
            "POST",
            path,
            &[("content-type", "application/json")],
            json.to_string().as_bytes(),
            expected,
        )
    }

    /// Opens an event stream.
    pub(crate) fn events(&self, path: &str, headers: &str) -> Events {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(GENEROUS)).expect("a socket");
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).expect("a head"), 0, "{head}");
        }
        Events { head, lines }
    }

    /// Submits a zip job and gives its id.
    pub(crate) fn zip(&self, path: &str) -> String {
        let reply = self.post(
            "/v1/operations/zip",
            &serde_json::json!({ "path": path }),
            202,
        );
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    /// The same with a token; gives the whole job.
    pub(crate) fn zip_as(&self, token: &str, path: &str) -> Value {
        let headers = [
            ("authorization", token),
            ("content-type", "application/json"),
        ];
        let body = serde_json::json!({ "path": path }).to_string();
        let reply = self.ask("POST", "/v1/operations/zip", &headers, body.as_bytes(), 202);
        reply.json()
    }

    /// Waits for a job's end and gives it as it is then.
    pub(crate) fn ended(&self, id: &str) -> Value {
        wait_for("the job's end", || {
            let job = self.get(&format!("/v1/jobs/{id}?wait=20s"), 200).json();
            (job["finishedAt"] != Value::Null).then_some(job)
        })
    }

    /// Cancels a running job and gives it as it is then; its attempt may have stopped before the answer is made.
    pub(crate) fn canceled(&self, id: &str) -> Value {
        let reply = self
            .try_ask("POST", &format!("/v1/jobs/{id}/cancel"), &[], b"")
            .expect("a reply");
        assert!(matches!(reply.status, 200 | 202), "{reply:?}");
        let job = self.ended(id);
        assert_eq!(job["status"], "canceled", "{job}");
        job
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        expected: u16,
    ) -> Reply {
        let reply = self
            .try_ask(method, path, headers, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        let text = String::from_utf8_lossy(&reply.body[..reply.body.len().min(1000)]);
        assert_eq!(reply.status, expected, "{method} {path}: {text}");
        if reply.status >= 400 && method != "HEAD" {
            let problem = reply.json();
            assert_eq!(problem["status"], reply.status, "{method} {path}: {text}");
            assert!(
                problem["code"].is_string() && problem["detail"].is_string(),
                "{method} {path}: {text}"
            );
        }
        reply
    }

    pub(crate) fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        self.raw(&[head.as_bytes(), body].concat(), method == "HEAD")
    }

    /// Sends bytes as they are and reads one reply, which must be whole.
    pub(crate) fn raw(&self, request: &[u8], head_only: bool) -> std::io::Result<Reply> {
        let cut = || std::io::Error::other("the reply was cut short");
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(GENEROUS))?;
        stream.write_all(request)?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(cut)?;
        let mut headers = HashMap::new();
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
                None if line == "\r\n" => break,
                None => return Err(cut()),
            };
        }
        let length = headers
            .get("content-length")
            .map(|length| length.parse().expect("a length"));
        let mut body = Vec::new();
        match length {
            Some(length) if !head_only => {
                body.resize(length, 0);
                reader.read_exact(&mut body)?;
            }
            _ => {}
        }
        Ok(Reply {
            status,
            headers,
            body,
        })
    }
}

/// A file system of its own; unmounted when it is dropped, which a panic does too.
pub(crate) struct Mount {
    arguments: Vec<String>,
    at: PathBuf,
}

impl Mount {
    /// Runs `mount` with these arguments; none where the machine does not allow that, which is said aloud.
    pub(crate) fn new(arguments: &[&str], at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let mount = Self {
            arguments: arguments.iter().map(|&a| a.to_owned()).collect(),
            at: at.to_owned(),
        };
        match mount.mount() {
            Ok(()) => Some(mount),
            Err(reason) => {
                skipped(&reason);
                None
            }
        }
    }

    /// Unmounts it and mounts it again, so that only what is on the disk is left.
    pub(crate) fn again(&self) {
        run(Command::new("umount").arg(&self.at)).expect("nobody uses it any more");
        self.mount().expect("it could be mounted before");
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(&self.arguments).arg(&self.at))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: after a panic somebody may still use it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}

/// Runs a tool; an error says what it said.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output
        .status
        .success()
        .then_some(())
        .ok_or_else(|| format!("{name}: {}", said.trim()))
}

/// Says that the test shows nothing on this machine. Past the capture of the test's output, which nobody sees.
pub(crate) fn skipped(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    writeln!(std::io::stderr(), "SKIPPED: {reason} ({test})").expect("stderr is open");
}

/// That many bytes that no compressor makes fewer, the same each time (xorshift64).
pub(crate) fn incompressible(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut words = Vec::with_capacity(bytes + 8);
    while words.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words.extend_from_slice(&state.to_le_bytes());
    }
    words.truncate(bytes);
    words
}

/// One request through a Unix socket; gives the reply as it is, until the other side hangs up.
pub(crate) fn through(path: &Path, request: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(GENEROUS))?;
    stream.write_all(request.as_bytes())?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

/// Asks again and again until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + GENEROUS;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The invariants that reach over several rows, and every result's digest.
fn check_tables(database: &Path) {
    let connection = Connection::open(database).expect("the database opens");
    let check: String = connection
        .query_row("pragma integrity_check", [], |row| row.get(0))
        .expect("a check");
    assert_eq!(check, "ok");
    let none = |what: &str, query: &str| {
        let count: i64 = connection
            .query_row(&format!("select count(*) from {query}"), [], |row| {
                row.get(0)
            })
            .expect(what);
        assert_eq!(count, 0, "{what}");
    };
    none("a blob has the owner that names it",
        "job where (result_blob is not null and not exists (select 1 from blob where id = result_blob and owner = seq))
         or (params_blob is not null and not exists (select 1 from blob where id = params_blob and owner = seq))
         or (log_blob is not null and not exists (select 1 from blob where id = log_blob and owner = seq))");
    none(
        "an owner is there and names the blob",
        "blob where owner is not null and not exists
         (select 1 from job where seq = owner and
          (blob.id in (result_blob, params_blob, log_blob) or blob.id in (select value from json_each(uploads))))",
    );
    none(
        "a chunk has a blob",
        "blob_chunk where not exists (select 1 from blob where blob.id = blob_chunk.id >> 20)",
    );
    none(
        "numbers are reserved before they are used",
        "meta where (key = 'seq_next' and value <= (select max(seq) from job))
         or (key = 'blob_next' and value <= (select max(id) from blob))",
    );
    let mut blobs = connection
        .prepare("select id, size, sha256 from blob where owner is not null")
        .expect("a query");
    let mut chunks = connection
        .prepare("select data from blob_chunk where id >> 20 = ? order by id")
        .expect("a query");
    let blobs = blobs
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("blobs");
    for blob in blobs {
        let (id, size, sha256): (i64, i64, Option<Vec<u8>>) = blob.expect("a blob");
        let mut digest = Sha256::new();
        let mut length = 0;
        let mut rows = chunks.query([id]).expect("chunks");
        while let Some(row) = rows.next().expect("a chunk") {
            let data = row.get_ref(0).expect("data").as_blob().expect("bytes");
            length += data.len() as i64;
            digest.update(data);
        }
        assert_eq!(length, size, "blob {id} is as long as it says");
        if let Some(sha256) = sha256 {
            assert_eq!(
                digest.finalize().to_vec(),
                sha256,
                "blob {id} is what it was"
            );
        }
    }
}
