//! Submitting, polling and waiting.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::Site;

#[test]
fn job_can_be_polled_before_its_202_is_read() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    for _ in 0..50 {
        let id = client.zip("/docs/a");
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        assert_eq!(job["id"], id.as_str());
        assert_eq!(job["params"], json!({ "path": "/docs/a" }));
    }
    server.stop();
}

#[test]
fn long_poll_is_answered_when_the_job_ends() {
    let site = Site::new();
    site.write_zeros("a", 1 << 28);
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/a");
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let path = format!("/v1/jobs/{id}?wait=50s");
            thread::spawn(move || client.get(&path, 200).json()["status"].clone())
        })
        .collect();
    for waiting in waiting {
        assert_eq!(waiting.join().expect("an answer"), "succeeded");
    }
    // Finished jobs are returned at once.
    let begin = Instant::now();
    let reply = client.get(&format!("/v1/jobs/{id}?wait=50s"), 200);
    assert!(begin.elapsed() < Duration::from_secs(40));
    let tag = reply.header("etag").to_owned();
    client.ask(
        "GET",
        &format!("/v1/jobs/{id}?wait=50s"),
        &[("if-none-match", &tag)],
        b"",
        304,
    );
    server.stop();
}

#[test]
fn long_poll_with_etag_is_answered_at_each_change() {
    let site = Site::new();
    site.write_zeros("a", 1 << 29);
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/a");
    let path = format!("/v1/jobs/{id}?wait=50s");
    // With an unknown ETag, the current version is returned at once.
    let other = [("if-none-match", "\"another\"")];
    let first = client.ask("GET", &path, &other, b"", 200).json();
    assert_eq!(first["finishedAt"], serde_json::Value::Null, "{first}");
    let (mut tag, mut percent, mut changes) = (String::new(), 0.0, 0);
    loop {
        let headers: &[(&str, &str)] = if tag.is_empty() {
            &[]
        } else {
            &[("if-none-match", &tag)]
        };
        let plain = format!("/v1/jobs/{id}");
        let reply = client.ask(
            "GET",
            if tag.is_empty() { &plain } else { &path },
            headers,
            b"",
            200,
        );
        assert_ne!(reply.header("etag"), tag, "an answer is news");
        tag = reply.header("etag").to_owned();
        let job = reply.json();
        let now = job["percentComplete"].as_f64().unwrap_or_default();
        assert!(now >= percent, "{now} after {percent}");
        percent = now;
        changes += 1;
        if job["status"] == "succeeded" {
            break;
        }
        assert_eq!(reply.header("retry-after"), "1");
    }
    assert!(
        changes > 2 && percent > 99.9,
        "{changes} changes, {percent} %"
    );
    server.stop();
}

#[test]
fn bad_requests_have_a_stable_code() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let json_body = [("content-type", "application/json")];
    let submit = |headers: &[(&str, &str)], body: &[u8], status| {
        client
            .ask("POST", "/v1/operations/zip", headers, body, status)
            .json()["code"]
            .clone()
    };
    assert_eq!(submit(&json_body, b"{", 400), "malformed_json");
    assert_eq!(submit(&json_body, b"\xff", 400), "malformed_json");
    assert_eq!(submit(&json_body, b"", 422), "invalid_params");
    assert_eq!(submit(&json_body, b"[]", 422), "invalid_params");
    assert_eq!(
        submit(&json_body, br#"{"path":1,"other":2}"#, 422),
        "invalid_params"
    );
    assert_eq!(
        submit(&[("content-type", "text/xml")], b"<a/>", 415),
        "unsupported_media_type"
    );
    assert_eq!(
        submit(&[("content-encoding", "gzip")], b"x", 415),
        "unsupported_media_type"
    );
    let long = format!(r#"{{"path":"{}"}}"#, "a".repeat(1 << 20));
    assert_eq!(submit(&json_body, long.as_bytes(), 413), "params_too_large");
    let deep = "[".repeat(100_000);
    assert_eq!(submit(&json_body, deep.as_bytes(), 400), "malformed_json");
    client.post("/v1/operations/nothing", &json!({}), 404);
    client.get("/v1/operations/nothing", 404);
    client.get("/v1/jobs/01JD3QXYZ0000000000000000A", 404);
    client.get("/v1/downloads/01JD3QXYZ0000000000000000A", 404);
    client.get("/v1/jobs/01JD3QXYZ0000000000000000A?wait=1x", 422);
    let refused = client.ask("PATCH", "/v1/operations/zip", &[], b"", 405);
    assert_eq!(refused.header("allow"), "GET, HEAD, POST, OPTIONS");
    let options = client.ask("OPTIONS", "/v1/operations/zip", &[], b"", 204);
    assert_eq!(options.header("allow"), "GET, HEAD, POST, OPTIONS");
    assert!(
        client
            .ask("HEAD", "/v1/operations", &[], b"", 200)
            .body
            .is_empty()
    );
    let operations = client.get("/v1/operations/", 200).json()["operations"].clone();
    let mut operations = operations.as_array().expect("a list").iter();
    assert!(operations.any(|operation| operation["name"] == "zip"));
    assert_eq!(client.get("/healthz", 200).json()["status"], "ok");
    server.stop();
}

#[test]
fn unknown_job_ids_are_404() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/a");
    client.ended(&id);
    // The same row number with other random bits.
    let last = if id.ends_with('0') { "1" } else { "0" };
    let guess = format!("{}{last}", &id[..25]);
    client.get(&format!("/v1/jobs/{guess}"), 404);
    client.get(&format!("/v1/jobs/{}", id.to_lowercase()), 200);
    server.stop();
}

#[test]
fn long_params_are_stored_and_returned() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let path = format!("/docs/{}", "x".repeat(3000));
    let id = client.zip(&path);
    assert_eq!(client.ended(&id)["params"]["path"], path.as_str());
    server.stop();
    let server = site.serve();
    assert_eq!(
        server.client().get(&format!("/v1/jobs/{id}"), 200).json()["params"]["path"],
        path.as_str()
    );
    server.stop();
}

#[test]
fn graceful_stop_requeues_running_jobs() {
    let site = Site::new();
    site.write_zeros("a", 1 << 30);
    let mut command = site.command();
    command.args(["--drain-timeout", "0s"]);
    let server = site.serve_with(command);
    let id = server.client().zip("/docs/a");
    server.stop();
    let server = site.serve();
    let job = server.client().ended(&id);
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(job["attempt"], 2, "{job}");
    server.stop();
}

#[test]
fn monitor_link_shows_one_job_and_its_result() {
    let site = Site::new();
    site.write_zeros("a", 1 << 28);
    let server = site.serve();
    let client = server.client();
    let accepted = client.post("/v1/operations/zip", &json!({ "path": "/docs/a" }), 202);
    let (job, link) = (accepted.json(), accepted.header("link").to_owned());
    let url = job["links"]["monitor"].as_str().expect("a link");
    assert!(
        link.contains(&format!("<{url}>; rel=\"monitor\"")),
        "{link}"
    );
    let path = url
        .strip_prefix(&format!("http://{}", server.address()))
        .expect("our own");
    let pending = client.get(path, 202);
    assert_eq!(pending.json()["status"], "inProgress");
    assert_eq!(pending.header("retry-after"), "1");
    let id = job["id"].as_str().expect("an id");
    client.ended(id);
    let completed = client.get(path, 303);
    assert_eq!(completed.header("location"), format!("{url}/result"));
    let expected = json!({ "percentageComplete": 100.0, "resourceId": id, "status": "completed" });
    assert_eq!(completed.json(), expected);
    let result = client.get(&format!("{path}/result"), 200).body;
    assert_eq!(result, client.get(&format!("/v1/downloads/{id}"), 200).body);

    let failed = client
        .post(
            "/v1/operations/zip",
            &json!({ "path": "/docs/nothing" }),
            202,
        )
        .json();
    client.ended(failed["id"].as_str().expect("an id"));
    let url = failed["links"]["monitor"].as_str().expect("a link");
    let path = url
        .strip_prefix(&format!("http://{}", server.address()))
        .expect("our own");
    let status = client.get(path, 200).json();
    assert_eq!(
        (&status["status"], &status["error"]["code"]),
        (&json!("failed"), &json!("itemNotFound"))
    );
    client.get("/monitor/AAAAAAAAAAAAAAAAAAAAAAAAAAAA", 404);
    client.get("/monitor/x", 404);
    server.stop();
}
