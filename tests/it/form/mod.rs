//! Forms and other bodies as real clients send them: file names, empty fields, limits, media types.

mod bodies;
mod fields;
mod files;
mod limits;

use crate::harness::{Client, Reply, Server, Site};

const MULTIPART: (&str, &str) = ("content-type", "multipart/form-data; boundary=b");
const URL_ENCODED: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A form with these parts; each has headers and content.
fn form(parts: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (headers, content) in parts {
        let pieces: [&[u8]; 5] = [b"--b\r\n", headers, b"\r\n\r\n", content, b"\r\n"];
        form.extend_from_slice(&pieces.concat());
    }
    form.extend_from_slice(b"--b--\r\n");
    form
}

/// The headers of a field.
fn field(name: &str) -> String {
    format!("content-disposition: form-data; name=\"{name}\"")
}

fn submit(client: Client, operation: &str, form: &[u8], status: u16) -> Reply {
    let path = format!("/v1/operations/{operation}");
    client.ask("POST", &path, &[MULTIPART], form, status)
}

/// The output of a job, once it has ended.
fn result(client: Client, job: &Reply) -> String {
    let job = job.json();
    let id = job["id"].as_str().expect("an id");
    let ended = client.ended(id);
    assert_eq!(ended["status"], "succeeded", "{ended}");
    let bytes = client.get(&format!("/v1/downloads/{id}"), 200).body;
    String::from_utf8(bytes).expect("text")
}

/// A server with operations that have every kind of param and document.
fn serve(site: &Site) -> Server {
    site.serve_configured(
        r#"
[operations.show]
command = ["sh", "-c", 'basename "$1"; cat "$1"', "sh", "{input.source}"]
inputs.source = { required = true }

[operations.count]
command = ["sh", "-c", "echo $# files", "sh", "{input.one}", "{input.several}"]
inputs.one = {}
inputs.several = { list = true }

[operations.words]
command = ["printf", '[%s]', "{width}", "{ratio}", "{deep}", "{side}", "{name}"]
params.width = { type = "integer", default = 7 }
params.ratio = { type = "number", default = 1.5 }
params.deep = { type = "boolean", default = false }
params.side = { enum = ["left", "right"], default = "left" }
params.name = { type = "string", default = "default-name" }

[operations.strict]
command = ["printf", '[%s]', "{width}"]
params.width = { type = "integer" }
"#,
    )
}
