//! Measures the latency of polls (p99) while 100,000 expired jobs are deleted, relative to the latency before.
//!
//! Run with `cargo bench --bench sweep`. Also prints how long it takes to submit, run and delete the jobs, and to start
//! with them in the database.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::Cloakroom;
use cloakroom::config::{Config, Limits};
use cloakroom::job::JobId;
use cloakroom::operations::{Context, Operation, OperationError, OperationOutput, OperationSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const JOBS: usize = 100_000;
const AT_ONCE: usize = 256;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct NoParams {}

/// Writes a greeting and ends.
struct Hello;

impl Operation for Hello {
    fn spec(&self) -> OperationSpec {
        OperationSpec::new::<NoParams>("hello", "Say hello")
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let mut result = context.result("text/plain", "hello.txt");
        io::Write::write_all(&mut result, b"hello")?;
        result.finish()
    }
}

async fn start(data: &Path) -> Cloakroom {
    let limits = Limits {
        max_queued_jobs: JOBS,
        ..Limits::default()
    };
    let config = Config {
        data: data.to_owned(),
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        idle_timeout: IDLE_TIMEOUT,
        limits,
        ..Config::default()
    };
    let builder = Cloakroom::builder().config(config).without_built_in();
    let started = builder.operation(Hello).start().await;
    started.expect("the server starts")
}

async fn hello(cloakroom: &Cloakroom) -> JobId {
    let submitted = cloakroom.submit("hello", serde_json::json!({})).await;
    submitted.expect("the job is accepted")
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let cloakroom = Arc::new(start(&data).await);

    let begin = Instant::now();
    for _ in 0..JOBS / AT_ONCE {
        let batch = (0..AT_ONCE).map(|_| {
            let cloakroom = Arc::clone(&cloakroom);
            async move { hello(&cloakroom).await }
        });
        batch.collect::<JoinSet<_>>().join_all().await;
    }
    println!(
        "{JOBS} jobs submitted in {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    while rows(&data, "finished_ms is null") > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("and run in {:.1} s", begin.elapsed().as_secs_f64());
    cloakroom.shutdown(Duration::from_mins(1)).await;

    let begin = Instant::now();
    let cloakroom = start(&data).await;
    println!(
        "start with them: {:.0} ms",
        begin.elapsed().as_secs_f64() * 1e3
    );

    let kept = hello(&cloakroom).await;
    let address = cloakroom.addresses()[0].tcp().expect("a TCP address");

    let request = format!("GET /v1/jobs/{kept} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let rows = || rows(&data, "true");
    let (all, mut before, mut during) = (rows(), Vec::new(), Vec::new());
    let (mut left, mut counted_at, mut sweeping) = (all, Instant::now(), None);
    while left > 2 {
        let begin = Instant::now();
        poll(&mut stream, request.as_bytes()).await;
        if sweeping.is_some() {
            &mut during
        } else {
            &mut before
        }
        .push(begin.elapsed());
        tokio::time::sleep(Duration::from_micros(500)).await;
        if counted_at.elapsed() > Duration::from_millis(100) {
            left = rows();
            counted_at = Instant::now();
            if left < all && sweeping.is_none() {
                sweeping = Some(Instant::now());
            }
        }
    }
    let swept = sweeping
        .expect("the sweep has begun")
        .elapsed()
        .as_secs_f64();
    let [before, during] = [before, during].map(|mut times| {
        times.sort_unstable();
        times[times.len() * 99 / 100].as_secs_f64() * 1e6
    });
    println!(
        "swept in {swept:.1} s; p99 of a poll {before:.0} us before, {during:.0} us during the sweep: ratio {:.2}",
        during / before
    );
}

fn rows(data: &Path, which: &str) -> i64 {
    let database = rusqlite::Connection::open(data.join("cloakroom.db")).expect("the database");
    database
        .query_row(
            &format!("select count(*) from job where {which}"),
            [],
            |row| row.get(0),
        )
        .expect("a count")
}

async fn poll(stream: &mut TcpStream, request: &[u8]) {
    stream
        .write_all(request)
        .await
        .expect("the request is sent");
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).await.expect("a reply");
    assert!(
        buffer[..length].starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&buffer[..length])
    );
}
