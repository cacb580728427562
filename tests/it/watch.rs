//! Lists, events, retries, and results by range.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Client, Site, incompressible};

fn seqs(list: &Value) -> Vec<i64> {
    let jobs = list["jobs"].as_array().expect("jobs");
    jobs.iter()
        .map(|job| job["seq"].as_i64().expect("a seq"))
        .collect()
}

#[test]
fn job_list_is_paged() {
    let site = Site::new();
    site.write("a", b"a");
    site.write_zeros("long", 1 << 33);
    let mut command = site.command();
    command.args(["--workers", "1", "--drain-timeout", "0s"]);
    let server = site.serve_with(command);
    let client = server.client();
    for _ in 0..7 {
        client.ended(&client.zip("/docs/a"));
    }
    let failed = client.zip("/docs/nothing");
    client.ended(&failed);
    let running = client.zip("/docs/long");
    client.zip("/docs/a");
    let list = |query: &str| client.get(&format!("/v1/jobs{query}"), 200);

    assert_eq!(seqs(&list("").json()), (1..=10).rev().collect::<Vec<_>>());
    assert_eq!(list("").json()["next"], Value::Null);
    let (mut seen, mut path) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = list(&path);
        seen.extend(seqs(&page.json()));
        let next = page.json()["next"].clone();
        let Some(next) = next.as_str() else { break };
        let link = page.header("link").to_owned();
        path = format!("?limit=3&after={next}");
        assert_eq!(
            link,
            format!("<http://{}/v1/jobs{path}>; rel=\"next\"", server.address())
        );
    }
    assert_eq!(seen, (1..=10).rev().collect::<Vec<_>>());

    assert_eq!(seqs(&list("?status=failed").json()), [8]);
    assert_eq!(seqs(&list("?status=running,queued").json()), [10, 9]);
    assert_eq!(
        seqs(&list("?operation=zip&status=succeeded&limit=2").json()),
        [7, 6]
    );
    assert!(seqs(&list("?operation=other").json()).is_empty());
    let live = list("?status=running").json();
    assert_eq!(live["jobs"][0]["id"], running.as_str());
    for wrong in [
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?status=over",
        "?after=x",
    ] {
        assert_eq!(
            client.get(&format!("/v1/jobs{wrong}"), 422).json()["code"],
            "invalid_query",
            "{wrong}"
        );
    }
    client.ask("DELETE", &format!("/v1/jobs/{running}"), &[], b"", 200);
    assert!(
        !seqs(&list("").json()).contains(&9),
        "what is deleted is in no list"
    );
    server.stop();
}

#[test]
fn job_events_begin_with_the_current_state_and_end_with_the_job() {
    let site = Site::new();
    site.write_zeros("long", 1 << 29);
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/long");
    let path = format!("/v1/jobs/{id}/events");
    let mut events = client.events(&path, "");
    let head = events.head.to_ascii_lowercase();
    assert!(
        head.starts_with("http/1.1 200") && head.contains("content-type: text/event-stream"),
        "{head}"
    );
    let (mut percent, mut count, mut last) = (0.0, 0, String::new());
    while let Some((name, version, job)) = events.next() {
        assert_eq!((name.as_str(), &job["id"]), ("job", &json!(id)));
        let now = job["percentComplete"].as_f64().unwrap_or_default();
        assert!(now >= percent && version != last, "{job}");
        (percent, count, last) = (now, count + 1, version);
    }
    assert!(count > 2 && percent > 99.9, "{count} events, {percent} %");
    // A returning client gets 204 if it has seen the end, and the end otherwise.
    let again = client.events(&path, &format!("last-event-id: {last}\r\n"));
    assert!(again.head.starts_with("HTTP/1.1 204"), "{}", again.head);
    let (_, version, job) = client
        .events(&path, "last-event-id: 1\r\n")
        .next()
        .expect("the end");
    assert_eq!((version, &job["status"]), (last, &json!("succeeded")));
    client.get("/v1/jobs/01JD3QXYZ0000000000000000A/events", 404);
    server.stop();
}

#[test]
fn deleting_a_job_ends_its_events_and_shows_in_the_global_stream() {
    let site = Site::new();
    site.write("a", b"a");
    site.write_zeros("long", 1 << 33);
    let mut command = site.command();
    command.args(["--drain-timeout", "0s"]);
    let server = site.serve_with(command);
    let client = server.client();
    let long = client.zip("/docs/long");
    let mut all = client.events("/v1/events", "");
    let (_, _, present) = all.next().expect("the present state");
    assert_eq!(present["id"], long.as_str());

    let short = client.zip("/docs/a");
    let ended = |events: &mut crate::harness::Events, id: &str| loop {
        let (_, _, job) = events.next().expect("an event");
        if job["id"] == id && job["finishedAt"] != Value::Null {
            break job;
        }
    };
    assert_eq!(ended(&mut all, &short)["status"], "succeeded");

    let mut events = client.events(&format!("/v1/jobs/{long}/events"), "");
    events.next().expect("the present state");
    client.ask("DELETE", &format!("/v1/jobs/{long}"), &[], b"", 200);
    let last = std::iter::from_fn(|| events.next())
        .last()
        .expect("an event");
    assert_eq!(
        (last.0.as_str(), &last.2["status"]),
        ("deleted", &json!("deleted"))
    );

    // Followers of all jobs get it once, as an event of that job.
    let last = client.zip("/docs/a");
    let mut gone = Vec::new();
    loop {
        let (name, _, job) = all.next().expect("an event");
        if name == "deleted" {
            gone.push(job);
        } else if job["id"] == last.as_str() && job["finishedAt"] != Value::Null {
            break;
        }
    }
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert_eq!(
        (&gone[0]["id"], &gone[0]["status"], &gone[0]["params"]),
        (
            &json!(long),
            &json!("deleted"),
            &json!({ "path": "/docs/long" })
        )
    );
    server.stop();
}

#[test]
fn retry_creates_a_job_with_the_same_params() {
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    let bytes = incompressible(700_000);
    let digest = |id: &str| {
        assert_eq!(client.ended(id)["status"], "succeeded");
        String::from_utf8(client.get(&format!("/v1/downloads/{id}"), 200).body).expect("a digest")
    };
    let first = client
        .ask(
            "POST",
            "/v1/operations/digest",
            &[("content-type", "text/xml")],
            &bytes,
            202,
        )
        .json();
    let first = first["id"].as_str().expect("an id");
    let expected = format!("{}\n", hex::encode(Sha256::digest(&bytes)));
    assert_eq!(digest(first), expected);
    let link = client.get(&format!("/v1/jobs/{first}"), 200).json()["links"]["retry"].clone();
    assert!(
        link.as_str()
            .is_some_and(|link| link.ends_with(&format!("/v1/jobs/{first}/retry"))),
        "{link}"
    );
    let again = client.ask("POST", &format!("/v1/jobs/{first}/retry"), &[], b"", 202);
    let second = again.json()["id"].as_str().expect("an id").to_owned();
    assert_ne!(second, first);
    assert!(again.header("location").ends_with(&second));
    assert_eq!(digest(&second), expected);
    // The first job may be deleted: the second has its own copy of the upload.
    client.ask("DELETE", &format!("/v1/jobs/{first}"), &[], b"", 200);
    let third = client
        .ask("POST", &format!("/v1/jobs/{second}/retry"), &[], b"", 202)
        .json();
    assert_eq!(digest(third["id"].as_str().expect("an id")), expected);
    drop(server);
    site.check_tables();
}

#[test]
fn retry_of_an_unfinished_job_is_409() {
    let site = Site::new();
    site.write_zeros("long", 1 << 33);
    let mut command = site.command();
    command.args(["--drain-timeout", "0s"]);
    let server = site.serve_with(command);
    let client = server.client();
    let id = client.zip("/docs/long");
    let retry = client.ask("POST", &format!("/v1/jobs/{id}/retry"), &[], b"", 409);
    assert_eq!(retry.json()["code"], "not_ended");
    let params = json!({ "delta": { "type": "job", "id": id }, "version": "A" });
    let read = client.post("/v1/operations/extract", &params, 409);
    assert_eq!(read.json()["code"], "source_not_ready");
    let log = client.get(&format!("/v1/jobs/{id}/log"), 200);
    for about_a_job_that_runs in [retry, read, log] {
        assert_eq!(about_a_job_that_runs.header("retry-after"), "1");
    }
    server.stop();
}

/// A job with a result of several chunks, and the result.
fn result(site: &Site, client: &Client) -> (String, Vec<u8>) {
    site.write("noise", &incompressible(1_000_000));
    let id = client.zip("/docs/noise");
    client.ended(&id);
    let path = format!("/v1/downloads/{id}");
    let bytes = client.get(&path, 200).body;
    (path, bytes)
}

#[test]
fn result_is_served_whole_or_by_range() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let (path, bytes) = result(&site, &client);
    let length = bytes.len();
    assert!(length > 900_000);
    let get = |headers: &[(&str, &str)], status| client.ask("GET", &path, headers, b"", status);
    let whole = get(&[], 200);
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let digest = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, Sha256::digest(&bytes));
    assert_eq!(whole.header("repr-digest"), format!("sha-256=:{digest}:"));
    let tag = whole.header("etag").to_owned();

    for (first, last) in [
        (0, 0),
        (0, length - 1),
        (262_143, 262_144),
        (262_144, 524_287),
        (500_000, 900_000),
        (length - 1, length - 1),
    ] {
        let part = get(&[("range", &format!("bytes={first}-{last}"))], 206);
        assert_eq!(
            part.header("content-range"),
            format!("bytes {first}-{last}/{length}")
        );
        assert_eq!(part.body, bytes[first..=last]);
        assert_eq!(part.header("etag"), tag);
    }
    assert_eq!(
        get(&[("range", "bytes=-100")], 206).body,
        bytes[length - 100..]
    );
    assert_eq!(get(&[("range", "bytes=0-1,5-6")], 200).body, bytes);
    let nothing = get(&[("range", &format!("bytes={length}-"))], 416);
    assert_eq!(nothing.header("content-range"), format!("bytes */{length}"));
    let none_of_several = format!("bytes={length}-, {}-", length + 5);
    get(&[("range", &none_of_several)], 416);

    assert_eq!(
        get(&[("range", "bytes=1-2"), ("if-range", &tag)], 206).body,
        bytes[1..=2]
    );
    assert_eq!(
        get(&[("range", "bytes=1-2"), ("if-range", "\"other\"")], 200).body,
        bytes
    );
    assert!(get(&[("if-none-match", &tag)], 304).body.is_empty());
    assert_eq!(get(&[("if-none-match", "\"other\"")], 200).body, bytes);
    assert_eq!(get(&[("if-match", &tag)], 200).body, bytes);
    assert_eq!(
        get(&[("if-match", "\"other\"")], 412).json()["code"],
        "precondition_failed"
    );
    let head = client.ask("HEAD", &path, &[("range", "bytes=0-1")], b"", 200);
    assert_eq!(
        (head.header("content-length"), head.body.len()),
        (length.to_string().as_str(), 0)
    );
    server.stop();
}

#[test]
fn curl_resumes_an_interrupted_download() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let (path, bytes) = result(&site, &client);
    let file = site.path().join("result");
    std::fs::write(&file, &bytes[..300_001]).expect("a part");
    let url = format!("http://{}{path}", server.address());
    let Ok(status) = std::process::Command::new("curl")
        .args(["-sf", "-C", "-", "-o"])
        .arg(&file)
        .arg(url)
        .status()
    else {
        eprintln!("SKIPPED: there is no curl");
        return;
    };
    assert!(status.success());
    assert!(std::fs::read(&file).expect("the file") == bytes);
    server.stop();
}
