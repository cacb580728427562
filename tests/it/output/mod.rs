//! Results written below a root: complete, published at once, and reported correctly.

mod crash;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::copy::names;
use crate::harness::{Client, Mount, Reply, Server, Site, incompressible};

fn submit(client: Client, operation: &str, params: &Value, output: &str, status: u16) -> Reply {
    let path = format!("/v1/operations/{operation}?output={output}");
    client.post(&path, params, status)
}

fn id(reply: &Reply) -> String {
    reply.json()["id"].as_str().expect("an id").to_owned()
}

/// A finished zip job.
fn zip(client: Client, path: &str, output: &str) -> Value {
    let params = json!({ "path": path, "level": 0 });
    client.ended(&id(&submit(client, "zip", &params, output, 202)))
}

fn download(job: &Value) -> String {
    format!("/v1/downloads/{}", job["id"].as_str().expect("an id"))
}

fn assert_gone(client: Client, job: &Value) {
    let tag = format!(
        "\"{}\"",
        job["output"]["sha256"].as_str().expect("a digest")
    );
    for headers in [
        &[][..],
        &[("range", "bytes=0-0")],
        &[("if-none-match", &tag)],
    ] {
        let problem = client.ask("GET", &download(job), headers, b"", 404).json();
        assert_eq!(problem["code"], "result_gone");
    }
    client.ask("HEAD", &download(job), &[], b"", 404);
    let id = job["id"].as_str().expect("an id");
    assert_eq!(client.get(&format!("/v1/jobs/{id}"), 200).json(), *job);
}

#[test]
fn output_file_is_the_result_and_is_downloadable() {
    let site = Site::new();
    site.write("a", &incompressible(700_000));
    site.write("out/old.zip", b"old");
    let mut old = File::open(site.docs().join("out/old.zip")).expect("a file");
    let server = site.serve();
    let client = server.client();
    for name in ["new.zip", "old.zip", "B\u{fc}cher 1.zip"] {
        let wanted = format!("/docs/out/{name}").replace(' ', "%20");
        let job = zip(client, "/docs/a", &wanted.replace('\u{fc}', "%C3%BC"));
        let bytes = fs::read(site.docs().join("out").join(name)).expect("the file is there");
        let output = &job["output"];
        assert_eq!(output["type"], "file", "{job}");
        assert_eq!(output["path"], format!("/docs/out/{name}"));
        assert_eq!(output["filename"], name);
        assert_eq!(output["size"], bytes.len());
        assert_eq!(output["sha256"], hex::encode(Sha256::digest(&bytes)));
        assert_eq!(output["mediaType"], "application/zip");
        let whole = client.get(&download(&job), 200);
        assert!(whole.body == bytes);
        let tag = whole.header("etag").to_owned();
        for (range, from, to) in [
            ("bytes=0-0", 0, 1),
            ("bytes=262143-262144", 262_143, 262_145),
            ("bytes=300000-", 300_000, bytes.len()),
            ("bytes=-5", bytes.len() - 5, bytes.len()),
        ] {
            let headers = [("range", range), ("if-range", &tag)];
            let part = client.ask("GET", &download(&job), &headers, b"", 206);
            assert!(part.body == bytes[from..to], "{range}");
        }
    }
    assert_eq!(
        names(&site.docs().join("out")).len(),
        3,
        "and nothing beside"
    );
    let mut kept = String::new();
    old.read_to_string(&mut kept).expect("it is open still");
    assert_eq!(kept, "old", "who had the old file open reads on in it");

    let waiting = [("content-type", "application/json"), ("prefer", "wait=50")];
    let path = "/v1/operations/zip?output=/docs/out/new.zip";
    let reply = client.ask("POST", path, &waiting, br#"{"path":"/docs/a"}"#, 200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.json()["output"]["path"], "/docs/out/new.zip");
    assert_eq!(reply.json()["status"], "succeeded");
    server.stop();

    // The same after a restart.
    let server = site.serve();
    let job = zip(server.client(), "/docs/a", "/docs/out/last.zip");
    server.stop();
    let server = site.serve();
    let bytes = fs::read(site.docs().join("out/last.zip")).expect("the file is there");
    assert!(server.client().get(&download(&job), 200).body == bytes);
    server.stop();
}

#[test]
fn unwritable_output_is_422_or_fails_the_job() {
    let site = Site::new();
    site.write("a", b"a");
    site.write("folder/b", b"b");
    site.write("outside/link-target", b"t");
    let mut command = site.command();
    command
        .arg("--root")
        .arg(format!("ro={}:ro", site.docs().join("folder").display()));
    command
        .arg("--root")
        .arg(format!("all={}", site.path().display()));
    let server = site.serve_with(command);
    let client = server.client();
    let params = json!({ "path": "/docs/a" });
    for (wrong, says) in [
        ("/ro/x.zip", "/ro"),
        ("/nowhere/x.zip", "/docs"),
        ("/docs/../x.zip", ".."),
        ("/docs", "root"),
        ("", "path"),
    ] {
        let problem = submit(client, "zip", &params, wrong, 422).json();
        assert_eq!(problem["errors"][0]["pointer"], "?output", "{problem}");
        let detail = problem["errors"][0]["detail"].as_str().expect("a detail");
        assert!(detail.contains(says), "{wrong}: {detail}");
        if says != "root" && says != "path" {
            assert!(
                detail.contains("available roots: /docs"),
                "the roots are named: {detail}"
            );
        }
    }
    let _socket = UnixListener::bind(site.docs().join("socket")).expect("a socket");
    for (late, code) in [
        ("/docs/folder", "target_unwritable"),
        ("/docs/socket", "target_unwritable"),
        ("/docs/missing/x.zip", "target_not_found"),
        ("/docs/a/x.zip", "target_not_found"),
        ("/all/data/x.zip", "target_not_found"),
        ("/all/data", "target_unwritable"),
        ("/all/docs", "target_unwritable"),
    ] {
        let job = zip(client, "/docs/a", late);
        assert_eq!(job["error"]["code"], code, "{late}: {job}");
        assert_eq!(job["output"], Value::Null);
    }
    assert_eq!(names(&site.docs()), ["a", "folder", "outside", "socket"]);
    assert_eq!(names(&site.docs().join("folder")), ["b"]);
    // A link is replaced, not followed.
    std::os::unix::fs::symlink("outside/link-target", site.docs().join("link")).expect("a link");
    assert_eq!(zip(client, "/docs/a", "/docs/link")["status"], "succeeded");
    assert_eq!(
        fs::read(site.docs().join("outside/link-target")).expect("a file"),
        b"t"
    );
    assert!(
        fs::symlink_metadata(site.docs().join("link"))
            .expect("a file")
            .is_file()
    );
    server.stop();
}

fn open(path: &Path) -> File {
    File::options().write(true).open(path).expect("a file")
}

#[test]
fn changed_output_file_is_not_served() {
    let site = Site::new();
    site.write("a", &incompressible(1000));
    let server = site.serve();
    let client = server.client();
    let changes: [(&str, Change); 5] = [
        ("removed", |path| fs::remove_file(path).expect("it goes")),
        ("truncated", |path| {
            open(path).set_len(5).expect("it can be");
        }),
        ("grown", |path| {
            open(path).set_len(5000).expect("it can be");
        }),
        ("altered", |path| {
            open(path).write_all(b"x").expect("it can be");
        }),
        ("a folder", |path| {
            fs::remove_file(path).expect("it goes");
            fs::create_dir(path).expect("a folder");
        }),
    ];
    for (what, change) in changes {
        let path = site.docs().join(what);
        let job = zip(
            client,
            "/docs/a",
            &format!("/docs/{}", what.replace(' ', "%20")),
        );
        client.get(&download(&job), 200);
        change(&path);
        assert_gone(client, &job);
    }
    let job = zip(client, "/docs/a", "/docs/twice");
    let next = zip(client, "/docs/altered", "/docs/twice");
    assert_gone(client, &job);
    client.get(&download(&next), 200);
    server.stop();
}

/// A change to a file.
type Change = fn(&Path);

/// A server with a root `out`.
fn serve_out(site: &Site, out: &Path, configuration: &str, fault: Option<&str>) -> Server {
    let path = site.path().join("cloakroom.toml");
    fs::write(&path, configuration).expect("a file");
    let mut command = site.command();
    command.arg("--config").arg(path);
    command.arg("--root").arg(format!("out={}", out.display()));
    if let Some(fault) = fault {
        command.env("CLOAKROOM_FAULT", fault);
    }
    site.serve_with(command)
}

#[test]
fn full_target_disk_fails_the_job_and_stays_unchanged() {
    let site = Site::new();
    site.write("a", &incompressible(4 << 20));
    let out = site.path().join("out");
    let Some(_mount) = Mount::new(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"], &out) else {
        return;
    };
    fs::write(out.join("old.zip"), b"old").expect("there is room for it");
    let server = serve_out(&site, &out, "", None);
    let client = server.client();
    for name in ["old.zip", "new.zip"] {
        let job = zip(client, "/docs/a", &format!("/out/{name}"));
        assert_eq!(job["error"]["code"], "storage_full", "{job}");
        assert_eq!(names(&out), ["old.zip"]);
    }
    assert_eq!(fs::read(out.join("old.zip")).expect("a file"), b"old");
    server.stop();
}

#[test]
fn cancel_leaves_no_output_file_or_is_rejected() {
    let site = Site::new();
    site.write("a", b"a");
    fs::create_dir(site.docs().join("out")).expect("a folder");
    let server = site.serve();
    let client = server.client();
    let (mut canceled, mut succeeded) = (0, 0);
    for number in 0..80_u64 {
        let name = format!("{number}.zip");
        let params = json!({ "path": "/docs/a" });
        let reply = submit(client, "zip", &params, &format!("/docs/out/{name}"), 202);
        let id = id(&reply);
        // From immediately to long after the end.
        thread::sleep(Duration::from_micros(number * number));
        let path = format!("/v1/jobs/{id}/cancel");
        let answer = client
            .try_ask("POST", &path, &[], b"")
            .expect("a reply")
            .status;
        let job = client.ended(&id);
        let is_there = site.docs().join("out").join(&name).exists();
        if job["status"] == "canceled" {
            assert!(answer == 200 || answer == 202, "{answer}");
            assert!(!is_there, "{job}");
            canceled += 1;
        } else {
            assert_eq!(
                (&job["status"], answer),
                (&json!("succeeded"), 409),
                "{job}"
            );
            assert!(is_there, "{job}");
            client.get(&download(&job), 200);
            succeeded += 1;
        }
    }
    assert_eq!(names(&site.docs().join("out")).len(), succeeded);
    assert!(canceled > 0 && succeeded > 0, "{canceled} and {succeeded}");
    server.stop();
}
