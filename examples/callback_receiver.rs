//! Is told of the ends of jobs, and believes only what is signed as Standard Webhooks 1.0 has it.
//!
//! ```sh
//! export SECRET=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3   # one of your own; the server has it in [callbacks] secrets
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

/// A message is shorter than 20 kB.
const BODY_BYTES: usize = 64 * 1024;
/// How many messages are remembered, so that one that comes again is known.
const REMEMBERED: usize = 10_000;

/// The messages that were dealt with. A program with a database has this there, in the transaction that does the work.
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

/// Gives the status to answer with. 2xx ends it; after anything else the message comes again.
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
    // Also refuses what was signed more than five minutes ago: nobody can keep a message and send it later.
    webhook
        .verify(&body, &head.headers)
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    // The same in each attempt at a message, and part of what is signed.
    let id = head.headers["webhook-id"].to_str();
    let id = id.map_err(|_| StatusCode::BAD_REQUEST)?;
    let event: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let mut done = done.lock().expect("nobody panics with it");
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
            // With a timer a head that does not come is not waited for.
            http.timer(TokioTimer::new());
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("{error}");
            }
        });
    }
}
