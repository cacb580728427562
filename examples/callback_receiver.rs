//! Receives callbacks for finished jobs and verifies their signatures (Standard Webhooks 1.0).
//!
//! ```sh
//! export SECRET=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3   # use your own; the server has it in [callbacks] secrets
//! cargo run --example callback_receiver -- 127.0.0.1:9000
//! curl --json '{"path":"/docs"}' 'localhost:7070/v1/operations/zip?callback-method=POST&callback=http://127.0.0.1:9000/'
//! ```

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

/// Maximum size of a request body. Callbacks are shorter than 20 kB.
const BODY_BYTES: usize = 64 * 1024;
/// Number of recent message ids that are remembered, to recognize repeated deliveries.
const REMEMBERED: usize = 10_000;

/// The messages that were processed. A program with a database stores the ids there, in the transaction that processes
/// the message.
#[derive(Default)]
struct Done {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Done {
    fn insert(&mut self, id: String) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.ids.insert(id);
    }
}

/// Processes a callback. A 2xx status ends its delivery; after any other status the server sends it again.
async fn receive(
    request: Request<Incoming>,
    webhook: &Webhook,
    done: &Mutex<Done>,
) -> Result<(), StatusCode> {
    if request.method() != Method::POST {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES).collect().await;
    let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?.to_bytes();
    // Also rejects signatures that are older than five minutes, so that a recorded message cannot be replayed later.
    webhook
        .verify(&body, &head.headers)
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    // The id is the same in each attempt, and is covered by the signature.
    let id = head.headers["webhook-id"].to_str();
    let id = id.map_err(|_| StatusCode::BAD_REQUEST)?;
    let event: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let mut done = done
        .lock()
        .expect("no thread panics while it holds the lock");
    if !done.ids.contains(id) {
        println!("{} {id}", event["type"].as_str().unwrap_or_default());
        done.insert(id.to_owned());
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let webhook = Arc::new(Webhook::new(&std::env::var("SECRET")?)?);
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:9000")).await?;
    println!("http://{}", listener.local_addr()?);
    let done = Arc::new(Mutex::new(Done::default()));
    loop {
        let (stream, _) = listener.accept().await?;
        let (webhook, done) = (Arc::clone(&webhook), Arc::clone(&done));
        let service = service_fn(move |request| {
            let (webhook, done) = (Arc::clone(&webhook), Arc::clone(&done));
            async move {
                let received = receive(request, &webhook, &done).await;
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() = received.err().unwrap_or(StatusCode::NO_CONTENT);
                Ok::<_, Infallible>(response)
            }
        });
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            // The timer enables hyper's timeout for request heads.
            http.timer(TokioTimer::new());
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("{error}");
            }
        });
    }
}
