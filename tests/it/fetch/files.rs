//! Files written by `fetch`.

use std::collections::BTreeSet;
use std::io::Read;

use serde_json::{Value, json};

use super::{ALL, failure, fetched, names, sha256, submit};
use crate::harness::{Mount, Site, incompressible, wait_for};
use crate::origin::{Origin, reply, serve, write};

#[test]
fn fetched_file_appears_only_when_complete() {
    let bytes = incompressible(1_000_000);
    let origin = Origin::new({
        let bytes = bytes.clone();
        move |ask, stream| {
            if ask.before == 0 {
                let headers = "content-type: text/x-noise\r\netag: \"1\"\r\n";
                let whole = reply("200 OK", headers, &bytes);
                write(stream, &whole[..whole.len() - 1000]);
            } else {
                // The resumed reply has no media type.
                serve(ask, stream, &bytes, "\"1\"", ALL);
            }
        }
    });
    let site = Site::new();
    std::fs::create_dir(site.docs().join("in")).expect("a folder");
    let server = site.serve();
    let params =
        json!({ "uri": origin.url("/a"), "to": "/docs/in/a.bin", "sha256": sha256(&bytes) });
    let (job, report) = fetched(server.client(), &params);
    assert_eq!(
        report.json(),
        json!({ "path": "/docs/in/a.bin", "bytes": bytes.len(), "sha256": sha256(&bytes), "mediaType": "text/x-noise" })
    );
    assert_eq!(job["output"]["mediaType"], "application/json");
    assert_eq!(
        std::fs::read(site.docs().join("in/a.bin")).expect("a file"),
        bytes
    );
    assert_eq!(names(&site.docs().join("in")).len(), 1);
    server.stop();
}

#[test]
fn existing_file_is_handled_per_conflict_param() {
    let origin = Origin::saying(reply("200 OK", "", b"new"));
    let site = Site::new();
    site.write("a.txt", b"old");
    let server = site.serve();
    let client = server.client();
    let params = |conflict: Value| {
        let mut params = json!({ "uri": origin.url("/"), "to": "/docs/a.txt" });
        if !conflict.is_null() {
            params["conflict"] = conflict;
        }
        params
    };
    let read = |name: &str| std::fs::read(site.docs().join(name)).expect("a file");
    for conflict in [json!(null), json!("fail")] {
        let (code, message) = failure(client, &params(conflict));
        assert_eq!(code, "name_exists", "{message}");
    }
    assert_eq!(origin.asked().len(), 0, "nothing is fetched");
    for expected in ["/docs/a (1).txt", "/docs/a (2).txt"] {
        let (_, report) = fetched(client, &params(json!("rename")));
        assert_eq!(report.json()["path"], expected);
        assert_eq!(read(expected.trim_start_matches("/docs/")), b"new");
    }
    assert_eq!(read("a.txt"), b"old");
    fetched(client, &params(json!("replace")));
    assert_eq!(read("a.txt"), b"new");
    assert_eq!(names(&site.docs()).len(), 3);
    let nowhere = json!({ "uri": origin.url("/"), "to": "/docs/no/such/folder" });
    assert_eq!(failure(client, &nowhere).0, "target_not_found");
    server.stop();
}

#[test]
fn full_disk_fails_the_fetch_and_leaves_nothing() {
    let site = Site::new();
    let options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs"];
    let Some(_disk) = Mount::new(&options, &site.docs()) else {
        return;
    };
    let data = ["-t", "tmpfs", "-o", "size=24m", "tmpfs"];
    let Some(_data) = Mount::new(&data, &site.data()) else {
        return;
    };
    let bytes = incompressible(32 << 20);
    let origin = Origin::new(move |ask, stream| serve(ask, stream, &bytes, "\"1\"", ALL));
    let server = site.serve();
    let client = server.client();
    let (code, message) = failure(client, &json!({ "uri": origin.url("/"), "to": "/docs/a" }));
    assert_eq!(code, "storage_full", "{message}");
    assert!(message.contains("/docs/a"), "{message}");
    assert_eq!(names(&site.docs()), BTreeSet::new());
    let (code, _) = failure(client, &json!({ "uri": origin.url("/") }));
    assert_eq!(code, "storage_full");
    client.get("/healthz", 200);
    server.stop();
}

#[test]
fn fetch_survives_a_server_crash() {
    let bytes = incompressible(2_000_000);
    let origin = Origin::new({
        let bytes = bytes.clone();
        move |ask, stream| {
            if ask.before == 0 {
                serve(ask, stream, &bytes, "\"1\"", 1_000_000);
                // Until the server is killed.
                let _ = stream.read_to_end(&mut Vec::new());
            } else {
                serve(ask, stream, &bytes, "\"1\"", ALL);
            }
        }
    });
    let site = Site::new();
    let server = site.serve();
    let id = submit(
        server.client(),
        &json!({ "uri": origin.url("/"), "to": "/docs/a" }),
    );
    wait_for("a file that is not whole", || {
        let name = names(&site.docs()).pop_first()?;
        let length = std::fs::metadata(site.docs().join(name)).ok()?.len();
        (length > 0).then_some(())
    });
    server.kill();
    assert!(!site.docs().join("a").exists());
    let server = site.serve();
    let job = server.client().ended(&id);
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&json!("succeeded"), &json!(2)),
        "{job}"
    );
    assert_eq!(names(&site.docs()), BTreeSet::from(["a".to_owned()]));
    assert_eq!(std::fs::read(site.docs().join("a")).expect("a file"), bytes);
    server.stop();
}
