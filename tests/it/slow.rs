//! Slow clients, against an in-process server with short timeouts.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cloakroom::Cloakroom;
use cloakroom::config::{Config, Limits};
use cloakroom::operations::{Context, Operation, OperationError, OperationOutput, OperationSpec};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::TEST_TIMEOUT;

const LIMITS: Limits = Limits {
    params_bytes: 1 << 20,
    upload_bytes: 1 << 30,
    result_bytes: 1 << 30,
    max_document_bytes: 1 << 20,
    document_memory: 64 << 20,
    database_bytes: None,
    free_disk_bytes: None,
    max_queued_jobs: 100,
    max_connections: 4,
    header_read_timeout: Duration::from_millis(500),
    keep_alive_timeout: Duration::from_millis(1500),
    body_idle_timeout: Duration::from_millis(700),
};

/// Far more than sockets buffer.
const LARGE: usize = 32 << 20;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct NoParams {}

/// Creates a large result, after more time than the timeout of a stalled body.
struct Large;

impl Operation for Large {
    fn spec(&self) -> OperationSpec {
        OperationSpec::new::<NoParams>("large", "Make a large result")
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        std::thread::sleep(LIMITS.body_idle_timeout * 2);
        let mut result = context.result("application/octet-stream", "large");
        io::copy(
            &mut io::Read::take(io::repeat(7), LARGE as u64),
            &mut result,
        )?;
        result.finish()
    }
}

/// Serves while `test` runs; it gets the address and the id of a job with a large result.
fn serve<F: Future<Output = ()>>(test: impl FnOnce(SocketAddr, String) -> F) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data: folder.path().join("data"),
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            limits: LIMITS,
            ..Config::default()
        };
        let builder = Cloakroom::builder().config(config).operation(Large);
        let cloakroom = builder.start().await.expect("it starts");
        let job = cloakroom.submit("large", json!({})).await;
        let job = job.expect("it is taken").to_string();
        let address = cloakroom.addresses()[0].tcp().expect("it is one");
        tokio::time::timeout(TEST_TIMEOUT, test(address, job))
            .await
            .expect("the test ends");
        cloakroom.shutdown(Duration::ZERO).await;
    });
}

/// Reads until the connection is closed or reset; returns the text and the time that took.
async fn rest(stream: &mut TcpStream) -> (String, Duration) {
    let (begin, mut bytes) = (Instant::now(), Vec::new());
    // A reset counts as an end.
    let _ = stream.read_to_end(&mut bytes).await;
    (
        String::from_utf8_lossy(&bytes).into_owned(),
        begin.elapsed(),
    )
}

async fn connect(address: SocketAddr, first: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream
        .write_all(first.as_bytes())
        .await
        .expect("it is sent");
    stream
}

#[test]
fn request_head_has_a_timeout() {
    serve(|address, _| async move {
        let (said, took) = rest(&mut connect(address, "").await).await;
        assert!(
            said.is_empty()
                && took >= LIMITS.header_read_timeout
                && took < LIMITS.keep_alive_timeout,
            "{took:?} {said}"
        );
        // A head that arrives byte by byte has the same timeout.
        let mut stream = connect(address, "GET /healthz HT").await;
        let begin = Instant::now();
        while stream.write_all(b"T").await.is_ok() && begin.elapsed() < TEST_TIMEOUT {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(
            begin.elapsed() < LIMITS.header_read_timeout * 3,
            "{:?}",
            begin.elapsed()
        );
        let mut stream = connect(address, "GET /healthz HT").await;
        assert!(rest(&mut stream).await.0.starts_with("HTTP/1.1 408 "));
    });
}

#[test]
fn idle_connection_is_closed() {
    serve(|address, _| async move {
        let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let mut stream = connect(address, request).await;
        // Longer than the timeout of a head: between requests a longer one applies.
        tokio::time::sleep(LIMITS.header_read_timeout * 2).await;
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is open still");
        let (said, took) = rest(&mut stream).await;
        assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
        assert!(took >= LIMITS.keep_alive_timeout, "{took:?}");
    });
}

#[test]
fn stalled_body_times_out_and_a_long_poll_does_not() {
    serve(|address, id| async move {
        let job = format!(
            "GET /v1/jobs/{id}?wait=50s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        let (said, took) = rest(&mut connect(address, &job).await).await;
        assert!(
            said.starts_with("HTTP/1.1 200 ") && said.contains("succeeded"),
            "{said}"
        );
        assert!(took >= LIMITS.body_idle_timeout, "{took:?}");

        let head = "POST /v1/operations/large HTTP/1.1\r\nhost: localhost\r\n\
                    content-type: application/json\r\ncontent-length: 9\r\n\r\n{";
        let (said, took) = rest(&mut connect(address, head).await).await;
        assert!(
            said.starts_with("HTTP/1.1 408 ") && said.contains("request_timeout"),
            "{said}"
        );
        assert!(took >= LIMITS.body_idle_timeout, "{took:?}");
    });
}

#[test]
fn stalled_reader_times_out_and_a_slow_one_does_not() {
    serve(|address, id| async move {
        let wait = format!(
            "GET /v1/downloads/{id}?wait=50s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        let mut stalled = connect(address, &wait).await;
        let mut slow = connect(address, &wait).await;
        let mut received = 0;
        let mut buffer = vec![0; 1 << 20];
        // Slower than the timeout of a stalled reader, but never stalled for that long.
        loop {
            let read = slow.read(&mut buffer).await.expect("it is not cut");
            if read == 0 {
                break;
            }
            received += read;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(received > LARGE, "{received}");
        tokio::time::sleep(LIMITS.body_idle_timeout * 2).await;
        let (said, _) = rest(&mut stalled).await;
        assert!(said.len() < LARGE, "{}", said.len());
    });
}

#[test]
fn connections_are_limited() {
    serve(|address, _| async move {
        let wait = "POST /v1/operations/large HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\
                    content-type: application/json\r\n\r\n";
        let mut open = Vec::new();
        for _ in 0..LIMITS.max_connections {
            open.push(connect(address, wait).await);
        }
        let request = "GET /v1/operations HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let mut next = connect(address, request).await;
        let mut buffer = [0; 1024];
        let early = tokio::time::timeout(Duration::from_millis(300), next.read(&mut buffer)).await;
        assert!(early.is_err(), "it waits");
        drop(open.pop());
        assert_ne!(next.read(&mut buffer).await.expect("a reply"), 0);
    });
}
