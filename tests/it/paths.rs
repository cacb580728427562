//! Paths in error messages of jobs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::harness::{Client, Site};
use crate::hostile_trees::with_a_private_file;

fn ended(client: Client, operation: &str, params: &Value) -> Value {
    let reply = client.post(&format!("/v1/operations/{operation}"), params, 202);
    client.ended(reply.json()["id"].as_str().expect("an id"))
}

#[test]
fn errors_name_the_path_that_cannot_be_read() {
    let site = Site::new();
    let Some(mut command) = with_a_private_file(&site) else {
        return;
    };
    site.write("closed/folder/file", b"x");
    let closed = site.docs().join("closed/folder");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).expect("a mode");
    let config = site.path().join("cloakroom.toml");
    let text = "[operations.c]\ncommand = ['cat', '{input.doc}']\ninputs.doc = { list = true }\n";
    fs::write(&config, text).expect("a file");
    command.arg("--config").arg(config);
    let server = site.serve_with(command);

    let (file, folder) = ("/docs/folder/private", "/docs/closed/folder");
    let (beside, above) = ("/docs/folder/a", "/docs/closed");
    for (operation, params, path) in [
        ("zip", json!({ "path": file }), file),
        ("zip", json!({ "path": [beside, file] }), file),
        ("zip", json!({ "path": "/docs/folder" }), file),
        ("zip", json!({ "path": folder }), folder),
        ("zip", json!({ "path": above }), folder),
        ("zip", json!({ "path": "/docs/closed/folder/file" }), folder),
        ("copy", json!({ "from": file, "to": "/docs/b" }), file),
        (
            "copy",
            json!({ "from": "/docs/folder", "to": "/docs/b" }),
            file,
        ),
        ("copy", json!({ "from": folder, "to": "/docs/b" }), folder),
        ("copy", json!({ "from": above, "to": "/docs/b" }), folder),
        (
            "copy",
            json!({ "from": beside, "to": "/docs/closed/folder/b" }),
            folder,
        ),
        ("compare", json!({ "a": file, "b": beside }), file),
        (
            "merge",
            json!({ "versions": [
                { "name": "base", "type": "inline", "value": "<a/>" },
                { "name": "own", "type": "file", "path": file },
            ] }),
            file,
        ),
        (
            "c",
            json!({ "doc": [beside, { "type": "file", "path": file }] }),
            file,
        ),
        ("c", json!({ "doc": [folder] }), folder),
    ] {
        let job = ended(server.client(), operation, &params);
        assert_eq!(job["status"], "failed", "{operation} {params}: {job}");
        let message = job["error"]["message"].as_str().expect("a message");
        assert!(message.contains(path), "{operation} {params}: {message}");
    }
    server.stop();
}
