//! Zip jobs over HTTP.

mod changes;
mod format;
mod params;
mod race;
mod special;

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Client, Site};

/// Every file below a folder, by its name in an archive of the folder.
pub(crate) fn files_below(folder: &Path, name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("a type").is_dir() {
            files.extend(files_below(&entry.path(), &name));
        } else {
            files.insert(name, std::fs::read(entry.path()).expect("a file"));
        }
    }
    files
}

/// Every file in an archive.
pub(crate) fn files_in(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("an entry");
        if file.is_file() {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)
                .expect("its bytes, with the right CRC");
            let name = file.name().expect("a name in UTF-8").into_owned();
            files.insert(name, bytes);
        }
    }
    files
}

/// Runs a zip job that must succeed; returns the job and the archive.
fn zipped(client: &Client, params: &Value) -> (Value, Vec<u8>) {
    let job = zip_ended(client, params);
    assert_eq!(job["status"], "succeeded", "{params}: {job}");
    let id = job["id"].as_str().expect("an id");
    let archive = client.get(&format!("/v1/downloads/{id}"), 200).body;
    (job, archive)
}

/// Runs a zip job; returns the finished job.
fn zip_ended(client: &Client, params: &Value) -> Value {
    let accepted = client.post("/v1/operations/zip", params, 202).json();
    client.ended(accepted["id"].as_str().expect("an id"))
}

/// The names of all entries; those of folders end with a `/`.
fn names_in(archive: &[u8]) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).expect("an entry");
        names.push(entry.name().expect("a name in UTF-8").into_owned());
    }
    names
}

#[test]
fn unpacked_folder_equals_the_source() {
    let site = Site::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (name, bytes) in files_below(&sources, "sources") {
        site.write(&name, &bytes);
    }
    site.write("sources/empty", b"");
    site.write("sources/Zürich/ä.txt", "ö".as_bytes());
    site.write("sources/long", &b"0123456789abcdef".repeat(100_000));
    let server = site.serve();
    let client = server.client();

    let accepted = client.post(
        "/v1/operations/zip",
        &json!({ "path": "/docs/sources" }),
        202,
    );
    let id = accepted.json()["id"].as_str().expect("an id").to_owned();
    let url = format!("http://{}/v1/jobs/{id}", server.address());
    assert_eq!(accepted.header("location"), url);
    assert_eq!(accepted.header("operation-location"), url);
    assert_eq!(accepted.header("retry-after"), "1");
    assert_eq!(accepted.json()["links"]["self"], url);

    let job = client.ended(&id);
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(job["percentComplete"], 100.0);
    assert_eq!(job["output"]["filename"], "sources.zip");
    let download = client.get(&format!("/v1/downloads/{id}"), 200);
    assert_eq!(download.header("content-type"), "application/zip");
    assert_eq!(download.body.len(), job["output"]["size"]);
    assert_eq!(
        files_in(&download.body),
        files_below(&site.docs().join("sources"), "sources")
    );
    server.stop();
}

#[test]
fn single_file_is_zipped_under_its_name() {
    let site = Site::new();
    site.write("a.txt", b"hello");
    let server = site.serve();
    let id = server.client().zip("/docs/a.txt");
    assert_eq!(
        server.client().ended(&id)["output"]["filename"],
        "a.txt.zip"
    );
    let archive = server
        .client()
        .get(&format!("/v1/downloads/{id}"), 200)
        .body;
    assert_eq!(
        files_in(&archive),
        BTreeMap::from([("a.txt".into(), b"hello".to_vec())])
    );
    server.stop();
}

#[test]
fn missing_source_fails_the_job() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/nothing");
    let job = client.ended(&id);
    assert_eq!(job["status"], "failed");
    assert_eq!(job["error"]["code"], "source_not_found");
    assert_eq!(job["output"], Value::Null);
    assert_eq!(
        client.get(&format!("/v1/downloads/{id}"), 404).json()["code"],
        "no_result"
    );
    server.stop();
}

#[cfg(unix)]
#[test]
fn paths_outside_the_roots_are_not_archived() {
    let site = Site::new();
    std::fs::write(site.path().join("secret"), "secret").expect("a file");
    site.write("folder/a", b"a");
    for (link, target) in [
        ("out", "../../secret"),
        ("absolute", "/etc/passwd"),
        ("up", "../.."),
        ("loop", "loop"),
    ] {
        std::os::unix::fs::symlink(target, site.docs().join("folder").join(link)).expect("a link");
    }
    rustix::fs::mknodat(
        rustix::fs::CWD,
        site.docs().join("folder/fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a FIFO");
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/folder");
    assert_eq!(client.ended(&id)["status"], "succeeded");
    let archive = client.get(&format!("/v1/downloads/{id}"), 200).body;
    assert_eq!(
        files_in(&archive),
        BTreeMap::from([("folder/a".into(), b"a".to_vec())])
    );
    for path in ["/docs/folder/loop", "/docs/folder/fifo"] {
        let job = client.ended(&client.zip(path));
        assert_eq!(job["error"]["code"], "source_not_found", "{path}: {job}");
    }
    for path in [
        "/docs/../secret",
        "/etc/passwd",
        "docs",
        "/docsecret",
        "/docs/a\0b",
        "/docs/folder/out",
        "/docs/folder/absolute",
        "/docs/folder/up/secret",
    ] {
        let problem = client
            .post("/v1/operations/zip", &json!({ "path": path }), 422)
            .json();
        assert_eq!(problem["code"], "invalid_params");
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], "#/path");
        let detail = error["detail"].as_str().expect("a detail");
        assert!(detail.contains("available roots: /docs"), "{detail}");
    }
    server.stop();
}

#[test]
fn data_folder_inside_a_root_is_not_archived() {
    let site = Site::new();
    site.write("a", b"a");
    let mut command = site.command();
    command
        .arg("--root")
        .arg(format!("all={}", site.path().display()));
    let server = site.serve_with(command);
    let client = server.client();
    let id = client.zip("/all");
    assert_eq!(client.ended(&id)["status"], "succeeded");
    let archive = client.get(&format!("/v1/downloads/{id}"), 200).body;
    assert_eq!(
        files_in(&archive),
        BTreeMap::from([("all/docs/a".into(), b"a".to_vec())])
    );
    server.stop();
}
