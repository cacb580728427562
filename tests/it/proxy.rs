//! Behind nginx, configured as in `examples/nginx.conf`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::{Server, Site, skipped, through, wait_for};

/// An nginx that listens on its own socket; ended on drop.
struct Nginx {
    child: Child,
    socket: PathBuf,
}

impl Nginx {
    /// Starts nginx in front of `server`; `None` (and a message) if it is not installed.
    fn start(folder: &Path, server: &Server) -> Option<Self> {
        let example = include_str!("../../examples/nginx.conf");
        let location = example.replace("127.0.0.1:7070", &server.address().to_string());
        assert_ne!(location, example, "the example names the usual address");
        let at = folder.display();
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;
             events {{ worker_connections 64; }}
             http {{ access_log off;
               client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;
               fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
               server {{ listen unix:{at}/front; {location} }} }}"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, config).expect("a file");
        // A killed nginx has left its socket.
        let _ = std::fs::remove_file(folder.join("front"));
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file).arg("-p").arg(folder);
        let spawned = command.stderr(Stdio::null()).spawn();
        let socket = folder.join("front");
        match spawned {
            Ok(child) => Some(Self { child, socket }),
            Err(error) => {
                skipped(&format!("nginx: {error}"));
                None
            }
        }
    }

    /// Sends a request through nginx; returns the status, the head and the body.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, String) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        );
        // nginx may not listen yet.
        let reply = wait_for("nginx", || through(&self.socket, &request).ok());
        let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (
            status.expect("a status"),
            head.to_ascii_lowercase(),
            body.to_owned(),
        )
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SUBMIT: &str = "/jobs/v1/operations/zip";
const BODY: &str = r#"{"path":"/docs/a"}"#;
const JSON: &str = "content-type: application/json\r\n";

#[test]
fn proxied_requests_are_rejected_without_tokens() {
    let site = Site::new();
    site.write("a", b"a");
    // The proxy's name is known, or the request would be rejected for that.
    let named = |fault: Option<&str>| {
        let mut command = site.command();
        command.args(["--host", "example.org"]);
        command.envs(fault.map(|fault| ("CLOAKROOM_FAULT", fault)));
        site.serve_with(command)
    };
    let server = named(None);
    let Some(nginx) = Nginx::start(site.path(), &server) else {
        return;
    };
    let (status, _, body) = nginx.ask("POST", SUBMIT, JSON, BODY);
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("token_required_behind_proxy"), "{body}");
    assert_eq!(nginx.ask("GET", "/jobs/v1/jobs", "", "").0, 403);
    server.stop();
    drop(nginx);

    // Without the check they would be accepted.
    let server = named(Some("proxy-check-off"));
    let nginx = Nginx::start(site.path(), &server).expect("as before");
    let (status, _, body) = nginx.ask("POST", SUBMIT, JSON, BODY);
    assert_eq!(status, 202, "{body}");
    let job: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(job["seq"], 1, "the refused one was none");
    server.stop();
}

#[test]
fn proxied_requests_with_a_token_get_public_links() {
    let site = Site::new();
    site.write("a", b"a");
    let anna = format!("authorization: {}\r\n", site.token("anna", &[]));
    let mut command = site.command();
    command.args(["--public-url", "https://example.org/jobs/"]);
    let server = site.serve_with(command);
    let Some(nginx) = Nginx::start(site.path(), &server) else {
        return;
    };
    assert_eq!(nginx.ask("POST", SUBMIT, JSON, BODY).0, 401);
    // Forwarding headers of the client are not trusted.
    let lies =
        "x-forwarded-host: evil.test\r\nx-forwarded-proto: gopher\r\nforwarded: host=evil.test\r\n";
    let headers = format!("{anna}{JSON}{lies}origin: https://example.org\r\n");
    let (status, head, body) = nginx.ask("POST", SUBMIT, &headers, BODY);
    assert_eq!(status, 202, "{body}");
    assert!(!body.contains("evil.test"), "{body}");
    let job: Value = serde_json::from_str(&body).expect("JSON");
    let id = job["id"].as_str().expect("an id");
    let own = format!("https://example.org/jobs/v1/jobs/{id}");
    assert_eq!(job["links"]["self"], own);
    assert!(
        head.contains(&format!("location: {}", own.to_ascii_lowercase())),
        "{head}"
    );

    let path = format!("/jobs/v1/jobs/{id}?wait=20s");
    let (_, _, body) = nginx.ask("GET", &path, &anna, "");
    let job: Value = serde_json::from_str(&body).expect("JSON");
    let follow = |link: &Value, headers: &str| {
        let link = link.as_str().expect("a link").to_owned();
        let path = link.strip_prefix("https://example.org").expect("ours");
        nginx.ask("GET", path, headers, "")
    };
    assert_eq!(follow(&job["links"]["result"], &anna).0, 200);
    assert_eq!(follow(&job["links"]["result"], "").0, 401);
    let (status, head, _) = follow(&job["links"]["monitor"], "");
    assert_eq!(status, 303);
    assert!(
        head.contains("location: https://example.org/jobs/monitor/"),
        "{head}"
    );
    let (status, head, _) = nginx.ask("POST", "/jobs/session", &anna, "");
    assert_eq!(status, 204);
    assert!(
        head.contains("path=/jobs/;") && head.contains("; secure"),
        "{head}"
    );
    server.stop();
}
