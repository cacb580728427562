//! An HTTP server for tests, which answers as a test wants and records its requests.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// The number of earlier requests.
    pub before: usize,
}

impl Ask {
    /// The value of a header; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The start of the requested range, if a range of content with this tag is requested.
    pub(crate) fn range(&self, tag: &str) -> Option<usize> {
        let condition = self.header("if-range");
        let first = self
            .header("range")
            .strip_prefix("bytes=")?
            .strip_suffix('-')?;
        let first = first.parse().expect("a number");
        (condition.is_empty() || condition == tag).then_some(first)
    }
}

/// The server, on its own port. It runs until the test process ends.
pub(crate) struct Origin {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Ask>>>,
}

impl Origin {
    /// Starts a server that passes each request to `answer`, on a thread per connection. The connection closes when
    /// `answer` returns.
    pub(crate) fn new(answer: impl Fn(&Ask, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        std::thread::spawn({
            let asked = Arc::clone(&asked);
            move || {
                for stream in listener.incoming() {
                    let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                    std::thread::spawn(move || {
                        let mut stream = stream.expect("a connection");
                        if let Some(ask) = read(&mut stream, &asked) {
                            answer(&ask, &mut stream);
                        }
                    });
                }
            }
        });
        Self { address, asked }
    }

    /// A server with one reply for all requests.
    pub(crate) fn saying(reply: impl Into<Vec<u8>>) -> Self {
        let reply = reply.into();
        Self::new(move |_, stream| write(stream, &reply))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        self.asked.lock().expect("no panic").clone()
    }
}

/// Writes as much as the client accepts.
pub(crate) fn write(stream: &mut TcpStream, bytes: &[u8]) {
    // The client may close the connection early.
    let _ = stream.write_all(bytes);
}

/// A reply with a body and its length.
pub(crate) fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Serves bytes with a tag, and ranges of them; closes the connection `cut` bytes after the start.
pub(crate) fn serve(ask: &Ask, stream: &mut TcpStream, bytes: &[u8], tag: &str, cut: usize) {
    let length = bytes.len();
    let (from, head) = match ask.range(tag) {
        Some(first) => {
            let last = length - 1;
            let range = format!("content-range: bytes {first}-{last}/{length}");
            (first, format!("206 Partial Content\r\n{range}"))
        }
        None => (0, "200 OK".to_owned()),
    };
    let left = length - from;
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {left}\r\netag: {tag}\r\n\r\n");
    write(stream, head.as_bytes());
    write(stream, &bytes[from..][..left.min(cut)]);
}

fn read(stream: &mut TcpStream, asked: &Mutex<Vec<Ask>>) -> Option<Ask> {
    let mut stream = BufReader::new(stream);
    let mut lines = (&mut stream).lines();
    let first = lines.next()?.ok()?;
    let (method, rest) = first.split_once(' ')?;
    let path = rest.strip_suffix(" HTTP/1.1")?;
    let mut headers = HashMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(Ok(0), |text| text.parse());
    let mut body = vec![0; length.ok()?];
    stream.read_exact(&mut body).ok()?;
    let mut asked = asked.lock().expect("no panic");
    let ask = Ask {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body,
        before: asked.len(),
    };
    asked.push(ask.clone());
    Some(ask)
}
