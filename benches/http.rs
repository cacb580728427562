//! Measures the throughput of submissions and polls, relative to a bare hyper server that sends the same bytes.
//!
//! Run with `cargo bench --bench http`. The servers and the load generator are separate processes. The load is 64
//! connections that send the next request as soon as they have the response. Rounds alternate between the servers, and
//! the median of the ratios is printed.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cloakroom::Cloakroom;
use cloakroom::config::{Config, Limits};
use cloakroom::operations::{Context, Operation, OperationError, OperationOutput, OperationSpec};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const BODY: &str = r#"{"width":1280}"#;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct ParkParams {
    #[expect(dead_code, reason = "only its schema is of use")]
    width: u32,
}

/// Occupies a worker until the end, so that only submissions are measured.
struct Park(Barrier);

impl Operation for Park {
    fn spec(&self) -> OperationSpec {
        OperationSpec {
            concurrency: Some(1),
            ..OperationSpec::new::<ParkParams>("park", "Wait for the end of the bench")
        }
    }

    fn run(&self, _: &Context) -> Result<OperationOutput, OperationError> {
        self.0.wait();
        Err(OperationError::Canceled)
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["cloakroom"] => serve_cloakroom().await,
        ["bare", reply] => serve_bare(reply.to_owned()).await,
        ["load", address, head, body] => println!(
            "{}",
            load(address, &format!("{head}\r\nhost: {address}"), body).await
        ),
        _ => compare().await,
    }
}

async fn compare() {
    let (_ours, our_address) = spawn(&["cloakroom"]);
    let submit = (
        "POST /v1/operations/park HTTP/1.1\r\ncontent-type: application/json",
        BODY,
    );
    let reply = ask(&our_address, submit.0, submit.1).await;
    let id = reply
        .split("\"id\":\"")
        .nth(1)
        .expect("the reply is a job")
        .split('"')
        .next()
        .expect("an id");
    let path = format!("GET /v1/jobs/{id} HTTP/1.1");
    for (name, head, body) in [("poll", path.as_str(), ""), ("submit", submit.0, submit.1)] {
        let reply = ask(&our_address, head, body).await;
        let (_bare, bare_address) = spawn(&["bare", &reply]);
        let mut ratios: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| {
                let [ours, bare] = [&our_address, &bare_address].map(|address| {
                    let (mut load, rate) = spawn(&["load", address, head, body]);
                    load.0.wait().expect("the load ends");
                    rate.parse::<f64>().expect("a rate")
                });
                (ours / bare, bare)
            })
            .collect();
        ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (ratio, bare) = ratios[ROUNDS / 2];
        println!("{name}: {ratio:.2} of bare hyper ({bare:.0} requests per second)");
    }
}

/// A child process that is killed when its handle is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts this program with `arguments` and returns the first line that it prints.
fn spawn(arguments: &[&str]) -> (Process, String) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started again");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout is piped"))
        .read_line(&mut line)
        .expect("the child prints a line");
    (Process(child), line.trim().to_owned())
}

fn announce(address: impl std::fmt::Display) {
    println!("{address}");
    std::io::stdout().flush().expect("the parent reads stdout");
}

async fn serve_cloakroom() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let limits = Limits {
        max_queued_jobs: usize::MAX,
        ..Limits::default()
    };
    let config = Config {
        data: data.path().join("data"),
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        limits,
        ..Config::default()
    };
    let builder = Cloakroom::builder().config(config).without_built_in();
    let park = Park(Barrier::new(2));
    let cloakroom = builder
        .operation(park)
        .start()
        .await
        .expect("the server starts");
    announce(cloakroom.addresses()[0].tcp().expect("a TCP address"));
    // Runs until the process is killed.
    cloakroom.failure().await;
}

/// Answers every request with the status, headers and body of `reply`.
async fn serve_bare(reply: String) {
    let (head, body) = reply.split_once("\r\n\r\n").expect("a whole reply");
    let mut response = Response::builder().status(head.split(' ').nth(1).expect("a status"));
    for (name, value) in head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
    {
        if name != "date" && name != "content-length" {
            response = response.header(name, value);
        }
    }
    let (parts, ()) = response.body(()).expect("a response").into_parts();
    let body = Bytes::from(body.to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("it listens");
    announce(listener.local_addr().expect("its address"));
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let (parts, body) = (parts.clone(), body.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let response = Response::from_parts(parts.clone(), Full::new(body.clone()));
            async move {
                request.into_body().collect().await.expect("a body");
                Ok::<_, Infallible>(response)
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        tokio::spawn(
            async move { drop(http.serve_connection(TokioIo::new(stream), service).await) },
        );
    }
}

/// Sends requests for the duration of a round and returns the rate in requests per second.
async fn load(address: &str, head: &str, body: &str) -> f64 {
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let begin = Instant::now();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (address, request) = (address.to_owned(), request.clone());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("a connection");
                stream.set_nodelay(true).expect("a socket");
                let mut count = 0_u64;
                let mut buffer = Vec::with_capacity(8192);
                while begin.elapsed() < ROUND {
                    exchange(&mut stream, request.as_bytes(), &mut buffer).await;
                    assert!(
                        buffer.starts_with(b"HTTP/1.1 20"),
                        "{}",
                        String::from_utf8_lossy(&buffer)
                    );
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for client in clients {
        count += client.await.expect("a client");
    }
    count as f64 / begin.elapsed().as_secs_f64()
}

async fn ask(address: &str, head: &str, body: &str) -> String {
    let request = format!(
        "{head}\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut buffer = Vec::new();
    exchange(&mut stream, request.as_bytes(), &mut buffer).await;
    String::from_utf8(buffer).expect("a reply in UTF-8")
}

/// Sends a request and reads the whole response.
async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) {
    stream
        .write_all(request)
        .await
        .expect("the request is sent");
    buffer.clear();
    loop {
        assert_ne!(
            stream.read_buf(buffer).await.expect("a reply"),
            0,
            "the connection was closed"
        );
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end]).expect("headers are ASCII");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .expect("a length");
        if buffer.len() >= end + 4 + length.parse::<usize>().expect("a number") {
            return;
        }
    }
}
