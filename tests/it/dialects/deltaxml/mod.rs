//! DeltaXML's XML Data Compare and XML Merge.

mod compare;
mod errors;
mod merge;
mod options;
mod states;
mod synchronous;

use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;

use crate::harness::{Client, Reply, wait_for};
use crate::origin::{Origin, reply};

const COMPARE: &str = "/api/xml-data-compare/v1";
const MERGE: &str = "/api/xmlmerge/v1";

/// A server of documents that are held back until released, each by its path.
struct Held {
    origin: Origin,
    let_go: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Held {
    fn new(document: &'static [u8]) -> Self {
        let let_go: Arc<(Mutex<Vec<String>>, Condvar)> = Arc::default();
        let origin = Origin::new({
            let let_go = Arc::clone(&let_go);
            move |ask, stream| {
                let (paths, changed) = &*let_go;
                let paths = paths.lock().expect("no panic");
                let held = changed.wait_while(paths, |paths| !paths.contains(&ask.path));
                drop(held.expect("no panic"));
                crate::origin::write(stream, &reply("200 OK", "", document));
            }
        });
        Self { origin, let_go }
    }

    fn url(&self, path: &str) -> String {
        self.origin.url(path)
    }

    /// Waits until the document is requested.
    fn asked(&self, path: &str) {
        wait_for("a request", || {
            let mut asked = self.origin.asked().into_iter();
            asked.find(|ask| ask.path == path)
        });
    }

    fn let_go(&self, path: &str) {
        let (paths, changed) = &*self.let_go;
        paths.lock().expect("no panic").push(path.to_owned());
        changed.notify_all();
    }
}

/// Sends a request; the reply must have this status.
fn ask(
    client: Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
    expected: u16,
) -> Reply {
    let reply = client.try_ask(method, path, headers, body.as_bytes());
    let reply = reply.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, expected, "{method} {path}: {text}");
    reply
}

/// Sends a GET without an Accept header.
fn get(client: Client, path: &str, expected: u16) -> Reply {
    ask(client, "GET", path, &[], "", expected)
}

/// Submits a request in JSON.
fn post(client: Client, path: &str, body: &Value, expected: u16) -> Reply {
    ask(client, "POST", path, &AS_JSON, &body.to_string(), expected)
}

const AS_XML: [(&str, &str); 1] = [("content-type", "application/xml")];
const AS_JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// The headers and the body of a form. A part has parameters of its head, a media type or none, and content.
fn form(parts: &[(&str, &str, &str)]) -> ([(&'static str, &'static str); 1], String) {
    let mut body = String::new();
    for (parameters, media_type, content) in parts {
        body += &format!("--boundary\r\nContent-Disposition: form-data; {parameters}\r\n");
        if !media_type.is_empty() {
            body += &format!("Content-Type: {media_type}\r\n");
        }
        body += &format!("\r\n{content}\r\n");
    }
    let headers = [("content-type", "multipart/form-data; boundary=boundary")];
    (headers, body + "--boundary--\r\n")
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).expect("UTF-8")
}

/// The text between the first tags of this name.
fn tagged<'t>(text: &'t str, name: &str) -> &'t str {
    let (_, rest) = text
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split_once(&format!("</{name}>")).expect("its end").0
}

/// The path of a job on the same host.
fn path_of(reply: &Reply) -> String {
    let location = reply.header("location");
    let (_, rest) = location.split_once("://").expect("it is absolute");
    rest[rest.find('/').expect("a path")..].to_owned()
}

/// Polls the job as JSON until it meets a condition.
fn job_when(client: Client, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    wait_for("the job as it is wanted", || {
        let reply = ask(
            client,
            "GET",
            path,
            &[("accept", "application/json")],
            "",
            200,
        );
        let job = reply.json();
        wanted(&job).then_some(job)
    })
}

/// Polls the job as JSON until it has ended.
fn ended(client: Client, path: &str) -> Value {
    job_when(client, path, |job| job["finishedTime"].is_string())
}

/// Whether a text is a time in the products' format.
fn is_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00.000+0000"
}

/// Whether a text is a lower-case UUID.
fn is_uuid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c) || c == '-';
    lengths == [8, 4, 4, 4, 12] && text.chars().all(is_hex)
}
