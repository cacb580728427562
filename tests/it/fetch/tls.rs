//! `https`: verification of server certificates.

use std::net::TcpListener;
use std::sync::Arc;

use serde_json::json;
use tokio_rustls::rustls::{ServerConnection, StreamOwned};

use super::{failure, fetched};
use crate::certificates::{CertificateAuthority, VALID};
use crate::harness::{Server, Site};
use crate::origin::Origin;

/// An HTTPS server with a certificate for these names, which replies "hello". Returns its port.
fn hello(authority: &CertificateAuthority, names: &[&str], lifetime: (i32, i32)) -> u16 {
    let config = authority.server(names, lifetime);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream.expect("a connection"));
            answer(&mut stream);
        }
    });
    port
}

/// Answers a request with "hello"; a client that rejects the certificate sends none.
fn answer(stream: &mut (impl std::io::Read + std::io::Write)) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    stream.write_all(reply).expect("it is taken");
    stream.flush().expect("it is taken");
}

/// A Cloakroom server that trusts the certificates in this file.
fn serve(site: &Site, roots: &str) -> Server {
    let file = site.path().join("roots.pem");
    std::fs::write(&file, roots).expect("a file");
    let mut command = site.command();
    command
        .env("SSL_CERT_FILE", file)
        .env_remove("SSL_CERT_DIR");
    site.serve_with(command)
}

#[test]
fn untrusted_certificates_fail_the_fetch() {
    let (ours, theirs) = (
        CertificateAuthority::new("ours"),
        CertificateAuthority::new("theirs"),
    );
    let site = Site::new();
    let server = serve(&site, &ours.pem());
    let client = server.client();
    let url = |host: &str, port| json!({ "uri": format!("https://{host}:{port}/") });

    let good = hello(&ours, &["localhost", "127.0.0.1"], VALID);
    for host in ["localhost", "127.0.0.1", "LOCALHOST", "0x7f.1"] {
        assert_eq!(fetched(client, &url(host, good)).1.body, b"hello", "{host}");
    }
    let plain = Origin::saying("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    for (what, port) in [
        ("another authority's", hello(&theirs, &["localhost"], VALID)),
        ("another name's", hello(&ours, &["example.org"], VALID)),
        ("an address's", hello(&ours, &["127.0.0.1"], VALID)),
        ("an old one", hello(&ours, &["localhost"], (2020, 2021))),
        ("a future one", hello(&ours, &["localhost"], (2998, 2999))),
        ("none at all", plain.address().port()),
    ] {
        let (code, message) = failure(client, &url("localhost", port));
        assert_eq!(code, "fetch_failed", "{what}: {message}");
        assert!(message.contains("TLS"), "{what}: {message}");
    }
    server.stop();
}

#[test]
fn missing_ca_certificates_are_reported() {
    let port = hello(&CertificateAuthority::new("unused"), &["localhost"], VALID);
    let site = Site::new();
    let server = serve(&site, "");
    let (code, message) = failure(
        server.client(),
        &json!({ "uri": format!("https://localhost:{port}/") }),
    );
    assert_eq!(code, "fetch_failed");
    assert!(message.contains("SSL_CERT_FILE"), "{message}");
    server.stop();
}
