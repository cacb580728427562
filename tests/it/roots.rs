//! Root paths that change while the server runs.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Client, Mount, Server, Site, wait_for};
use crate::zip::files_in;

/// A server with one root at `path`; an empty name makes an unnamed root.
fn serve(site: &Site, name: &str, path: &Path) -> Server {
    site.serve_with(command(site, name, path))
}

fn command(site: &Site, name: &str, path: &Path) -> Command {
    let mut command = site.command();
    let root = match name {
        "" => path.display().to_string(),
        name => format!("{name}={}", path.display()),
    };
    command.arg("--root").arg(root);
    command
}

fn run(client: Client, operation: &str, params: &Value) -> Value {
    let path = format!("/v1/operations/{operation}");
    let job = client.post(&path, params, 202).json();
    client.ended(job["id"].as_str().expect("an id"))
}

/// The result of reading a path with a job, or its error code and message.
fn read(client: Client, path: &str) -> Result<String, String> {
    let job = run(client, "zip", &json!({ "path": path }));
    if job["status"] != "succeeded" {
        return Err(format!(
            "{}: {}",
            job["error"]["code"], job["error"]["message"]
        ));
    }
    let id = job["id"].as_str().expect("an id");
    let archive = client.get(&format!("/v1/downloads/{id}"), 200).body;
    let files = files_in(&archive).into_values();
    Ok(files
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect())
}

/// Creates a folder with a file `f`.
fn folder(site: &Site, name: &str) -> std::path::PathBuf {
    let path = site.path().join(name);
    fs::create_dir(&path).expect("a folder");
    fs::write(path.join("f"), name).expect("a file");
    path
}

fn switch(link: &Path, target: &str) {
    let new = link.with_extension("new");
    symlink(target, &new).expect("a link");
    fs::rename(new, link).expect("it takes the old one's place");
}

#[test]
fn next_job_follows_a_changed_root_link() {
    let site = Site::new();
    folder(&site, "release-1");
    folder(&site, "release-2");
    let link = site.path().join("current");
    switch(&link, "release-1");
    for name in ["r", ""] {
        let wire = match name {
            "" => link.display().to_string(),
            name => format!("/{name}"),
        };
        let old = site.path().join("release-1").display().to_string();
        switch(&link, "release-1");
        let server = serve(&site, name, &link);
        let client = server.client();
        assert_eq!(
            read(client, &format!("{wire}/f")).as_deref(),
            Ok("release-1")
        );
        if name.is_empty() {
            assert_eq!(
                read(client, &format!("{old}/f")).as_deref(),
                Ok("release-1")
            );
        }
        switch(&link, "release-2");
        assert_eq!(
            read(client, &format!("{wire}/f")).as_deref(),
            Ok("release-2")
        );
        // The path without links belonged to one root and would now belong to another.
        if name.is_empty() {
            let error = read(client, &format!("{old}/f")).expect_err("it is no root's");
            assert!(
                error.contains("source_not_found") && error.contains("now leads to"),
                "{error}"
            );
        }
        server.stop();
    }
}

#[test]
fn missing_root_is_named_by_jobs_and_readiness() {
    let site = Site::new();
    let path = folder(&site, "stick");
    let server = serve(&site, "r", &path);
    let client = server.client();
    client.get("/readyz", 200);
    let away = site.path().join("away");
    fs::rename(&path, &away).expect("it is taken away");
    let problem = client.get("/readyz", 503).json();
    assert_eq!(problem["code"], "not_ready", "{problem}");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("cannot open the root /r"), "{detail}");
    let error = read(client, "/r/f").expect_err("it is not there");
    assert!(
        error.contains("source_not_found") && error.contains("the root /r"),
        "{error}"
    );
    let params = json!({ "from": "/docs", "to": "/r/x" });
    let job = run(client, "copy", &params);
    assert_eq!(job["error"]["code"], "target_not_found", "{job}");
    let message = job["error"]["message"].as_str().expect("a message");
    assert!(message.contains("cannot open the root /r"), "{message}");
    // Another folder takes its place.
    folder(&site, "stick");
    client.get("/readyz", 200);
    assert_eq!(read(client, "/r/f").as_deref(), Ok("stick"));
    assert_eq!(fs::read_dir(away).expect("a folder").count(), 1);
    server.stop();
}

#[test]
fn result_is_written_to_the_current_target_of_the_root_path() {
    let site = Site::new();
    let path = folder(&site, "out");
    let server = serve(&site, "r", &path);
    let client = server.client();
    let old = site.path().join("old");
    fs::rename(&path, &old).expect("it is moved");
    let new = folder(&site, "out");
    let params = json!({ "path": "/docs" });
    let reply = client.post("/v1/operations/zip?output=/r/x.zip", &params, 202);
    let job = client.ended(reply.json()["id"].as_str().expect("an id"));
    assert_eq!(job["status"], "succeeded", "{job}");
    assert!(new.join("x.zip").exists() && !old.join("x.zip").exists());
    let id = job["id"].as_str().expect("an id");
    client.get(&format!("/v1/downloads/{id}"), 200);
    // The path leads to a file that was replaced.
    fs::rename(&new, site.path().join("older")).expect("it is moved");
    folder(&site, "out");
    let problem = client.get(&format!("/v1/downloads/{id}"), 404).json();
    assert_eq!(problem["code"], "result_gone");
    server.stop();
}

#[test]
fn root_folder_swapped_during_a_job_fails_it() {
    let site = Site::new();
    let path = folder(&site, "out");
    let (begun, go_on) = (site.path().join("begun"), site.path().join("go-on"));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &go_on,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a FIFO");
    let script = format!(
        ": > {}; cat {}; echo done",
        begun.display(),
        go_on.display()
    );
    let config = site.path().join("swap.toml");
    let text = format!("[operations.c]\ncommand = ['sh', '-c', '''{script}''']\n");
    fs::write(&config, text).expect("a file");
    let mut command = command(&site, "r", &path);
    command.arg("--config").arg(config);
    let server = site.serve_with(command);
    let client = server.client();
    let reply = client.post("/v1/operations/c?output=/r/x", &json!({}), 202);
    wait_for("the command", || begun.exists().then_some(()));
    let old = site.path().join("old");
    fs::rename(&path, &old).expect("it is moved");
    folder(&site, "out");
    fs::write(go_on, b"").expect("the command reads it");
    let job = client.ended(reply.json()["id"].as_str().expect("an id"));
    assert_eq!(job["status"], "failed", "{job}");
    assert_eq!(job["error"]["code"], "target_not_found", "{job}");
    for folder in [&old, &path] {
        let names = fs::read_dir(folder).expect("a folder");
        let names: Vec<_> = names
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names, ["f"], "{}", folder.display());
    }
    server.stop();
}

#[test]
fn medium_can_be_changed_while_no_job_uses_it() {
    let site = Site::new();
    let path = site.path().join("stick");
    let Some(mount) = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "stick"], &path) else {
        return;
    };
    fs::write(path.join("f"), "first").expect("a file");
    let server = serve(&site, "r", &path);
    let client = server.client();
    assert_eq!(read(client, "/r/f").as_deref(), Ok("first"));
    client.get("/readyz", 200);
    // Fails if the server still has it open.
    mount.again();
    fs::write(path.join("f"), "second").expect("a file");
    assert_eq!(read(client, "/r/f").as_deref(), Ok("second"));
    server.stop();
}

#[test]
fn root_that_contains_the_data_folder_by_link_is_rejected() {
    let site = Site::new();
    folder(&site, "files");
    let link = site.path().join("current");
    switch(&link, "files");
    let server = serve(&site, "r", &link);
    let client = server.client();
    fs::create_dir_all(site.data().join("sub")).expect("a folder");
    for target in ["data", "data/sub"] {
        switch(&link, target);
        let error = read(client, "/r").expect_err("it is the server's own");
        assert!(error.contains("the data folder"), "{error}");
        let reply = client.post(
            "/v1/operations/zip?output=/r/x.zip",
            &json!({ "path": "/docs" }),
            202,
        );
        let job = client.ended(reply.json()["id"].as_str().expect("an id"));
        assert_eq!(job["error"]["code"], "target_not_found", "{job}");
    }
    client.get("/readyz", 503);
    // A root that contains the data folder is walked without it.
    switch(&link, ".");
    let job = run(client, "zip", &json!({ "path": "/r" }));
    let archive = client.get(
        &format!("/v1/downloads/{}", job["id"].as_str().expect("an id")),
        200,
    );
    let names: Vec<_> = files_in(&archive.body).into_keys().collect();
    assert_eq!(names, ["r/files/f"]);
    server.stop();
    let output = command(&site, "inside", &site.data().join("sub")).output();
    let output = output.expect("it ends");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn root_link_is_not_replaced_by_a_result() {
    let site = Site::new();
    folder(&site, "release-1");
    let link = site.path().join("current");
    switch(&link, "release-1");
    let mut command = command(&site, "r", &link);
    command
        .arg("--root")
        .arg(format!("all={}", site.path().display()));
    let server = site.serve_with(command);
    let client = server.client();
    let reply = client.post(
        "/v1/operations/zip?output=/all/current",
        &json!({ "path": "/docs" }),
        202,
    );
    let job = client.ended(reply.json()["id"].as_str().expect("an id"));
    assert_eq!(job["error"]["code"], "target_unwritable", "{job}");
    assert_eq!(read(client, "/r/f").as_deref(), Ok("release-1"));
    server.stop();
}
