//! The API in a server of the embedding program.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::tokens::Tokens;
use cloakroom::{Builder, Cloakroom, HttpService, StartError, WaitFor};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::embedded_calls::block_on_without_tokio;
use crate::harness::{Client, Site, wait_for};

/// A server of the program's own, in which everything below `/jobs` is Cloakroom.
async fn host(builder: Builder) -> (Cloakroom, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let cloakroom = builder.mount(address, "/jobs").start().await;
    let cloakroom = cloakroom.expect("it starts");
    let service = cloakroom.service().expect("it is mounted");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let service = service.clone();
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    (cloakroom, address)
}

fn with_docs(site: &Site) -> Builder {
    let root = format!("docs={}", site.docs().display());
    let builder = Cloakroom::builder().data(site.data());
    builder.root(root.parse().expect("a root"))
}

/// Runs blocking calls of a client beside the server.
async fn ask<T: Send + 'static>(calls: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(calls).await.expect("answers")
}

#[test]
fn mounted_api_answers_below_its_path_and_links_there() {
    let site = Site::new();
    site.write("a", b"a");
    Runtime::new().expect("a runtime").block_on(async {
        let (cloakroom, address) = host(with_docs(&site)).await;
        assert!(cloakroom.addresses().is_empty());
        let job = ask(move || {
            let client = Client::new(address);
            // The dashboard's links are relative to a folder.
            assert_eq!(client.get("/jobs", 308).header("location"), "/jobs/");
            let page = client.get("/jobs/", 200);
            assert!(page.body.starts_with(b"<!doctype html>"), "{page:?}");
            client.get("/jobs/healthz", 200);
            client.get("/v1/jobs", 404);
            client.get("/jobsite/v1/jobs", 404);
            let params = json!({ "path": "/docs/a" });
            let reply = client.post("/jobs/v1/operations/zip?keep=false", &params, 202);
            let job = reply.json();
            let id = job["id"].as_str().expect("an id").to_owned();
            let location = format!("http://{address}/jobs/v1/jobs/{id}");
            assert_eq!(reply.header("location"), location);
            assert_eq!(job["links"]["self"], location);
            assert!(reply.headers.contains_key("x-request-id"));
            // The guard's rules, as on a listener of the server's own.
            let refused = |headers: &[(&str, &str)], status| {
                client.ask("GET", "/jobs/v1/jobs", headers, b"", status);
            };
            refused(&[("host", "evil.test")], 421);
            refused(&[("origin", "http://evil.test")], 403);
            refused(&[("x-forwarded-for", "192.0.2.1")], 403);
            let path = format!("/jobs/v1/jobs/{id}?wait=20s");
            assert_eq!(client.get(&path, 200).json()["status"], "succeeded");
            // An upload, which comes in pieces.
            let body = vec![b'x'; 300_000];
            let form = [
                &b"--b\r\ncontent-disposition: form-data; name=\"a\"; filename=\"a.xml\"\r\n\r\n"[..],
                b"<a>",
                &body,
                b"</a>\r\n--b\r\ncontent-disposition: form-data; name=\"b\"; filename=\"b.xml\"\r\n\r\n<a/>\r\n--b--\r\n",
            ]
            .concat();
            let headers = [("content-type", "multipart/form-data; boundary=b")];
            client.ask("POST", "/jobs/v1/operations/compare", &headers, &form, 202);
            job
        })
        .await;
        let id: cloakroom::job::JobId = job["id"].as_str().expect("an id").parse().expect("an id");
        cloakroom.wait(id, WaitFor::Terminal).await.expect("its end");
        let download = ask(move || {
            let client = Client::new(address);
            let path = format!("/jobs/v1/downloads/{id}");
            let reply = client.get(&path, 200);
            // It was taken with its last byte.
            assert_eq!(client.get(&path, 404).json()["code"], "result_gone");
            reply
        });
        assert!(download.await.body.starts_with(b"PK"));
        cloakroom.shutdown(Duration::ZERO).await;
        // The program's server goes on; the API says that it has stopped.
        let late = ask(move || Client::new(address).get("/jobs/readyz", 503));
        assert_eq!(late.await.json()["code"], "not_ready");
    });
    site.check_tables();
}

#[test]
fn mounted_api_follows_the_tokens() {
    let site = Site::new();
    let anna = site.token("anna", &["--admin"]);
    let tokens = || Tokens::open(&site.data()).expect("a file of tokens");
    Runtime::new().expect("a runtime").block_on(async {
        let (cloakroom, address) = host(with_docs(&site).tokens(tokens())).await;
        let data = site.data();
        ask(move || {
            let client = Client::new(address);
            client.get("/jobs/v1/jobs", 401);
            let auth = [("authorization", &*anna)];
            client.ask("GET", "/jobs/v1/jobs", &auth, b"", 200);
            let session = client.ask("POST", "/jobs/session", &auth, b"", 204);
            let cookie = session.header("set-cookie");
            assert!(cookie.contains("; Path=/jobs/;"), "{cookie}");
            cloakroom::tokens::remove(&data, "anna").expect("it is removed");
            wait_for("the token's end", || {
                let reply = client.try_ask("GET", "/jobs/v1/jobs", &auth, b"");
                (reply.expect("a reply").status == 401).then_some(())
            });
        })
        .await;
        cloakroom.shutdown(Duration::ZERO).await;
    });
}

#[test]
fn mount_beyond_loopback_requires_tokens() {
    let site = Site::new();
    Runtime::new().expect("a runtime").block_on(async {
        let start = |address: &str, path: &str| {
            let address: SocketAddr = address.parse().expect("an address");
            with_docs(&site).mount(address, path).start()
        };
        let refused = start("0.0.0.0:80", "").await.err();
        assert!(
            matches!(refused, Some(StartError::Exposed(_))),
            "{refused:?}"
        );
        for path in ["jobs", "/jobs/", "/", "//jobs", "/a?b", "/a b", "/{jobs}"] {
            let refused = start("127.0.0.1:80", path).await.err();
            assert!(matches!(refused, Some(StartError::Mount(_))), "{path}");
        }
        assert!(!site.data().exists());
        let plain = with_docs(&site).start().await.expect("it starts");
        assert!(plain.service().is_none());
        plain.shutdown(Duration::ZERO).await;
    });
}

/// What axum asks of a service.
fn check_traits<S>(_: &S)
where
    S: tower_service::Service<Request<Full<Bytes>>, Response = Response<cloakroom::HttpBody>>,
    S: Clone + Send + Sync + 'static,
    cloakroom::HttpBody: Body<Data = Bytes> + Send + 'static,
{
}

#[test]
fn tower_service_works_outside_of_the_runtime() {
    let site = Site::new();
    site.write("a", b"a");
    let runtime = Runtime::new().expect("a runtime");
    let local: SocketAddr = ([127, 0, 0, 1], 80).into();
    let cloakroom = runtime.block_on(with_docs(&site).mount(local, "").start());
    let cloakroom = cloakroom.expect("it starts");
    let mut service: HttpService = cloakroom.service().expect("it is mounted");
    check_traits(&service);
    let mut ask = |request: http::request::Builder, body: &'static str| {
        let request = request
            .header("host", "localhost")
            .body(Full::new(Bytes::from(body)));
        let request = request.expect("a request");
        block_on_without_tokio(async {
            let answer = tower_service::Service::call(&mut service, request);
            let (head, body) = answer.await.expect("infallible").into_parts();
            let body = body.collect().await.expect("its bytes").to_bytes();
            (head, body)
        })
    };
    let post = Request::post("/v1/operations/zip").header("content-type", "application/json");
    let post = post.header("prefer", "wait=30");
    let (head, body) = ask(post, r#"{"path":"/docs/a"}"#);
    assert_eq!(head.status, 200, "{body:?}");
    assert!(body.starts_with(b"PK"));
    // Streams of events are made by tasks of the server.
    let events = Request::get(format!(
        "{}/events",
        head.headers["content-location"]
            .to_str()
            .expect("a URL")
            .replace("/downloads/", "/jobs/")
    ));
    let (head, body) = ask(events, "");
    assert_eq!(head.status, 200, "{body:?}");
    assert!(body.starts_with(b"retry:"), "{body:?}");
    let shut_down = Arc::new(cloakroom);
    block_on_without_tokio(shut_down.shutdown(Duration::ZERO));
    drop(runtime);
    let (head, body) = ask(Request::get("/v1/jobs"), "");
    assert_eq!(head.status, 503, "{body:?}");
}
