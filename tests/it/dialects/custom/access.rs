//! Access checks on custom paths, and links in replies.

use super::ARCHIVE;
use crate::harness::{Site, wait_for};

#[test]
fn custom_paths_check_tokens_and_origin() {
    let site = Site::new();
    site.write("a", b"a");
    let (anna, ben) = (site.token("anna", &[]), site.token("ben", &[]));
    let server = site.serve_configured(ARCHIVE);
    let client = server.client();
    let body = br#"{"path":"/docs/a"}"#;
    let submit = |path: &str, extra: &[(&str, &str)], status| {
        let headers = [&[("content-type", "application/json")], extra].concat();
        client.ask("POST", path, &headers, body, status)
    };
    let anna = ("authorization", &*anna);
    let ben = ("authorization", &*ben);
    let cross = ("sec-fetch-site", "cross-site");
    submit("/archives", &[], 401);
    submit("/archives", &[anna, cross], 403);
    submit("/archives", &[anna, ("sec-purpose", "prefetch")], 403);
    submit("/archives", &[anna, ("origin", "http://evil.test")], 403);
    // None of them has created a job.
    let location = submit("/archives", &[anna], 202);
    assert_eq!(location.header("location"), "/archives/1");
    submit("/archives?keep=false", &[anna], 202);
    for path in ["/archives/1", "/archives/2"] {
        wait_for("the archive", || {
            let job = client.ask("GET", path, &[anna], b"", 200).json();
            (job["state"] == "ready").then_some(())
        });
        let result = format!("{path}.zip");
        for path in [path, &result] {
            client.get(path, 401);
            client.ask("GET", path, &[ben], b"", 404);
            client.ask("GET", path, &[anna, cross], b"", 403);
        }
    }
    // A cross-site link may open a result, unless that consumes it.
    let led = [anna, cross, ("sec-fetch-mode", "navigate")];
    client.ask("GET", "/archives/1.zip", &led, b"", 200);
    client.ask("GET", "/archives/2.zip", &led, b"", 403);
    client.ask("GET", "/archives/1", &led, b"", 403);
    client.ask("GET", "/archives/2.zip", &[anna], b"", 200);
    server.stop();

    let site = Site::new();
    let server = site.serve_configured(ARCHIVE);
    let evil = [("host", "evil.test")];
    server.client().ask("POST", "/archives", &evil, b"", 421);
    server.stop();
}

#[test]
fn links_begin_with_the_public_path() {
    let site = Site::new();
    site.write("a", b"a");
    let token = site.token("anna", &[]);
    let settings = format!("public-url = 'https://a.example/jobs'\n{ARCHIVE}");
    let server = site.serve_configured(&settings);
    let client = server.client();
    let headers = [
        ("authorization", &*token),
        ("content-type", "application/json"),
    ];
    let begun = client.ask("POST", "/archives", &headers, br#"{"path":"/docs/a"}"#, 202);
    assert_eq!(begun.header("location"), "/jobs/archives/1");
    let done = wait_for("the archive", || {
        let job = client.ask("GET", "/archives/1", &headers, b"", 200).json();
        (job["state"] == "ready").then_some(job)
    });
    assert_eq!(done["href"], "/jobs/archives/1.zip");
    server.stop();
}
