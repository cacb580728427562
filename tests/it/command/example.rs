//! The example configuration with real programs.

use std::process::Command;

use serde_json::{Value, json};

use super::ended;
use crate::harness::{Client, Server, Site, run, skipped};

/// The path of the example.
fn example() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cloakroom.toml")
}

/// Whether a program is installed; prints a message if not.
fn has(program: &str) -> bool {
    let found = run(Command::new(program).arg("--help"));
    if let Err(reason) = &found {
        skipped(reason);
    }
    found.is_ok()
}

/// A server with the example configuration and the test's root.
fn serve(site: &Site) -> Server {
    let mut command = site.command();
    command.arg("--config").arg(example());
    site.serve_with(command)
}

fn upload(client: Client, path: &str, content_type: &str, bytes: &[u8]) -> Value {
    let headers = [("content-type", content_type)];
    client.ask("POST", path, &headers, bytes, 202).json()
}

#[test]
fn example_configuration_is_valid() {
    let site = Site::new();
    let mut command = site.command();
    command.arg("--config").arg(example()).arg("--check-config");
    let output = command.output().expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn video_conversion_reports_rising_percent() {
    if !has("ffmpeg") {
        return;
    }
    let site = Site::new();
    let clip = site.docs().join("clip.mkv");
    let mut make = Command::new("ffmpeg");
    make.args([
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=duration=6:size=640x360:rate=30",
    ]);
    run(make.args(["-c:v", "mpeg4", "-q:v", "5"]).arg(&clip)).expect("a clip");
    let server = serve(&site);
    let client = server.client();
    let params = json!({ "source": "/docs/clip.mkv", "width": 320 });
    let job = client
        .post("/v1/operations/convert-video", &params, 202)
        .json();
    let id = job["id"].as_str().expect("an id");
    let mut events = client.events(&format!("/v1/jobs/{id}/events"), "");
    let mut percents = Vec::new();
    let job = loop {
        let (_, _, job) = events.next().expect("an event");
        percents.extend(job["percentComplete"].as_f64());
        if !job["finishedAt"].is_null() {
            break job;
        }
    };
    assert_eq!(job["status"], "succeeded", "{job}");
    assert!(percents.is_sorted(), "{percents:?}");
    let between = percents
        .iter()
        .filter(|percent| (0.1..=99.9).contains(*percent));
    assert!(between.count() >= 2, "{percents:?}");
    assert_eq!(job["output"]["mediaType"], "video/mp4");
    assert_eq!(job["output"]["filename"], "clip.mp4");
    let bytes = client.get(&format!("/v1/downloads/{id}"), 200).body;
    assert_eq!(&bytes[4..8], b"ftyp");
    let log = client.get(&format!("/v1/jobs/{id}/log"), 200).body;
    assert!(String::from_utf8_lossy(&log).contains("out_time="));

    let job = upload(
        client,
        "/v1/operations/convert-video?width=320",
        "video/mp4",
        b"no video",
    );
    let job = ended(client, &job);
    assert_eq!(job["error"]["code"], "exit_status", "{job}");
    let stderr = job["error"]["innererror"]["stderr"].as_str().expect("text");
    assert!(stderr.contains("Invalid data"), "{stderr}");
    server.stop();
}

#[test]
fn document_is_converted() {
    if !has("pandoc") {
        return;
    }
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    site.write("notes.md", b"# A title\n\nSome *words*.\n");
    let params = json!({ "source": "/docs/notes.md", "to": "html" });
    let job = client
        .post("/v1/operations/convert-document", &params, 202)
        .json();
    let job = ended(client, &job);
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(job["output"]["filename"], "notes.html");
    let id = job["id"].as_str().expect("an id");
    let html = client.get(&format!("/v1/downloads/{id}"), 200).body;
    assert!(String::from_utf8_lossy(&html).contains("<em>words</em>"));
    server.stop();
}
