//! A hostile server: it serves attacking pages, records what they report, and acts as a DNS name that is rebound to
//! another server once its page is loaded.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const HOSTILE_PAGE: &str = include_str!("hostile_site.html");
const REBOUND: &str = include_str!("rebound.html");

/// A running hostile server; it serves until the test process ends.
pub(super) struct HostileSite {
    address: SocketAddr,
    reports: Arc<Mutex<Vec<String>>>,
}

impl HostileSite {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let reports = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&reports);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heard = Arc::clone(&heard);
                // The browser may close the connection early.
                std::thread::spawn(move || drop(answer(stream, &heard)));
            }
        });
        Self { address, reports }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the pages have reported so far.
    pub(super) fn reports(&self) -> Vec<String> {
        self.reports.lock().expect("no panic").clone()
    }
}

/// A parsed request.
struct Request {
    target: String,
    host: String,
    /// All header lines except `Connection`.
    head: String,
    body: Vec<u8>,
}

fn answer(stream: TcpStream, heard: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let request = read(&mut reader)?;
    let mut stream = reader.into_inner();
    if let Some(report) = request.target.strip_prefix("/report?") {
        let report = percent_encoding::percent_decode_str(report).decode_utf8_lossy();
        heard.lock().expect("no panic").push(report.into_owned());
        return page(&mut stream, "");
    }
    let rebound = request.host.strip_prefix("evil.test:");
    match rebound {
        None => page(&mut stream, HOSTILE_PAGE),
        Some(_) if request.target.starts_with("/attack") => page(&mut stream, REBOUND),
        Some(port) => {
            let mut server = TcpStream::connect(format!("127.0.0.1:{port}"))?;
            write!(server, "{}connection: close\r\n\r\n", request.head)?;
            server.write_all(&request.body)?;
            io::copy(&mut server, &mut stream).map(drop)
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Request> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let target = line.split(' ').nth(1).unwrap_or("/").to_owned();
    let (mut head, mut host, mut length) = (line, String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "connection" => continue,
            "host" => value.clone_into(&mut host),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request {
        target,
        host,
        head,
        body,
    })
}

fn page(stream: &mut TcpStream, html: &str) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{html}",
        html.len()
    )
}
