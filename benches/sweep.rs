//! Polls while a hundred thousand expired jobs are swept: their p99 before and meanwhile, as a ratio, in one run.
//!
//! `cargo bench --bench sweep`. Also says how fast the jobs were run and swept, and how long a start takes with them.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::config::{Config, Limits};
use cloakroom::engine::{Engine, Submission};
use cloakroom::http::{App, Server};
use cloakroom::operations::{Context, Description, Operation, Product, Registry, Stop};
use cloakroom::tokens::Tokens;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const JOBS: usize = 100_000;
const AT_ONCE: usize = 256;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct NoParams {}

/// Says hello, and is done.
struct Hello;

impl Operation for Hello {
    fn describe(&self) -> Description {
        Description::new::<NoParams>("hello", "Say hello")
    }

    fn run(&self, context: &Context) -> Result<Product, Stop> {
        let mut result = context.result("text/plain", "hello.txt");
        io::Write::write_all(&mut result, b"hello")?;
        result.finish()
    }
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry
        .register(Arc::new(Hello))
        .expect("it is well described");
    registry
}

fn hello() -> Submission {
    Submission {
        token: None,
        operation: "hello".into(),
        params: serde_json::json!({}),
        uploads: None,
        wishes: cloakroom::job::Wishes::default(),
        key: None,
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let limits = Limits {
        queue: JOBS,
        ..Limits::default()
    };
    let config = Config {
        data: data.clone(),
        idle_timeout: IDLE_TIMEOUT,
        limits,
        ..Config::default()
    };
    let engine = Arc::new(
        Engine::start(&config, registry())
            .await
            .expect("the engine starts"),
    );

    let begin = Instant::now();
    for _ in 0..JOBS / AT_ONCE {
        let batch = (0..AT_ONCE).map(|_| {
            let engine = Arc::clone(&engine);
            async move { engine.submit(hello()).await.expect("it is taken") }
        });
        batch.collect::<JoinSet<_>>().join_all().await;
    }
    println!(
        "{JOBS} jobs taken in {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    while rows(&data, "finished_ms is null") > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("and run in {:.1} s", begin.elapsed().as_secs_f64());
    engine.drain(Duration::from_mins(1)).await;
    drop(engine);

    let begin = Instant::now();
    let engine = Arc::new(
        Engine::start(&config, registry())
            .await
            .expect("the engine starts again"),
    );
    println!(
        "start with them: {:.0} ms",
        begin.elapsed().as_secs_f64() * 1e3
    );

    let kept = engine.submit(hello()).await.expect("it is taken").job.id;
    let server = Server::bind(&["127.0.0.1:0".parse().expect("an address")])
        .await
        .expect("it listens");
    let address = server.addresses().expect("its address")[0]
        .tcp()
        .expect("it is one");
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let app = Arc::new(App::new(
        Arc::clone(&engine),
        &config,
        Arc::new(Tokens::none()),
    ));
    let limits = config.limits.clone();
    tokio::spawn(async move { server.serve(app, &limits, stopped).await });

    let request = format!("GET /v1/jobs/{kept} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let rows = || rows(&data, "true");
    let (all, mut before, mut during) = (rows(), Vec::new(), Vec::new());
    let (mut left, mut looked, mut sweeping) = (all, Instant::now(), None);
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
        if looked.elapsed() > Duration::from_millis(100) {
            left = rows();
            looked = Instant::now();
            if left < all && sweeping.is_none() {
                sweeping = Some(Instant::now());
            }
        }
    }
    let swept = sweeping.expect("it began").elapsed().as_secs_f64();
    let [before, during] = [before, during].map(|mut times| {
        times.sort_unstable();
        times[times.len() * 99 / 100].as_secs_f64() * 1e6
    });
    println!(
        "swept in {swept:.1} s; p99 of a poll {before:.0} us before, {during:.0} us meanwhile: {:.2}",
        during / before
    );
}

fn rows(data: &std::path::Path, which: &str) -> i64 {
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
    stream.write_all(request).await.expect("it is sent");
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).await.expect("a reply");
    assert!(
        buffer[..length].starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&buffer[..length])
    );
}
