//! An HTTP client with one connection per request.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use super::{Events, TEST_TIMEOUT, wait_for};

/// A client of one server.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    address: SocketAddr,
}

/// A reply.
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
        stream
            .set_read_timeout(Some(TEST_TIMEOUT))
            .expect("a socket");
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

    /// Submits a zip job; returns its id.
    pub(crate) fn zip(&self, path: &str) -> String {
        let reply = self.post(
            "/v1/operations/zip",
            &serde_json::json!({ "path": path }),
            202,
        );
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Submits a zip job with a token; returns the job.
    pub(crate) fn zip_as(&self, token: &str, path: &str) -> Value {
        let headers = [
            ("authorization", token),
            ("content-type", "application/json"),
        ];
        let body = serde_json::json!({ "path": path }).to_string();
        let reply = self.ask("POST", "/v1/operations/zip", &headers, body.as_bytes(), 202);
        reply.json()
    }

    /// Waits for the job to end; returns it.
    pub(crate) fn ended(&self, id: &str) -> Value {
        wait_for("the job's end", || {
            let job = self.get(&format!("/v1/jobs/{id}?wait=20s"), 200).json();
            (job["finishedAt"] != Value::Null).then_some(job)
        })
    }

    /// Cancels a running job and returns it when it has ended. The attempt may stop before the cancel is answered.
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

    /// Sends raw bytes and reads one reply, which must be complete.
    pub(crate) fn raw(&self, request: &[u8], head_only: bool) -> std::io::Result<Reply> {
        let cut = || std::io::Error::other("the reply was cut short");
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(TEST_TIMEOUT))?;
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

/// Sends one request through a Unix socket; returns everything until the server closes.
pub(crate) fn through(path: &Path, request: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(TEST_TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}
