//! driveonweb: a folder is zipped, polled and downloaded.

use std::time::Instant;

use serde_json::{Value, json};

use super::ask;
use crate::harness::{Client, Site, incompressible};
use crate::zip::files_in;

/// The id of the item named `name` in a folder.
fn find(client: Client, folder: &Value, name: &str) -> Value {
    let list = client.get(&format!("/rest/folders/{folder}"), 200).json();
    let mut entries = list.as_array().expect("a list").iter();
    let found = entries.find(|entry| entry["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list}"))["id"].clone()
}

fn root(client: Client) -> Value {
    let roots = client.get("/rest/folders", 200).json();
    let id = roots[0]["id"].clone();
    let expected = json!([{ "id": id, "name": "docs", "type": "folder", "size": 0 }]);
    assert_eq!(roots, expected);
    id
}

/// Polls until the job has stopped running; returns the last reply.
fn polled(client: Client, url: &str) -> Value {
    loop {
        let job = client.get(url, 200).json();
        if job["jobState"] != "RUNNING" {
            return job;
        }
    }
}

#[test]
fn folder_is_zipped_polled_and_downloaded() {
    let site = Site::new();
    // Long enough to be polled twice while running.
    let bytes = incompressible(1 << 20);
    site.write("dow/a.txt", &bytes);
    site.write_zeros("dow/long", 3 << 28);
    let server = site.serve();
    let client = server.client();
    let folder = find(client, &root(client), "dow");

    let begun = client.get(&format!("/rest/folders/{folder}/zip"), 303);
    let url = begun.header("location").to_owned();
    assert_eq!(begun.json(), json!({ "location": url }));
    let id: i64 = url
        .strip_prefix("/rest/jobs/zip/")
        .and_then(|id| id.parse().ok())
        .expect("a job's address");

    let first = client.get(&url, 200).json();
    let ms = |job: &Value, name: &str| -> i64 {
        let text = job[name].as_str().expect("text");
        text.parse().expect("milliseconds")
    };
    assert!(ms(&first, "lastAccessDate") >= ms(&first, "creationDate"));
    let running = |polls: u32, job: &Value| {
        json!({
            "id": id,
            "numberOfPolls": polls,
            "creationDate": first["creationDate"],
            "lastAccessDate": job["lastAccessDate"],
            "jobState": "RUNNING",
            "jobType": "ZIP",
            "pollingEndpoint": "/rest/jobs/zip",
            "pollingUrl": url,
            "zipResult": null,
            "type": "zipPollingJob"
        })
    };
    assert_eq!(first, running(1, &first));
    let shape = first.to_string();
    let names = [
        "id",
        "numberOfPolls",
        "creationDate",
        "lastAccessDate",
        "jobState",
        "jobType",
    ];
    let at: Vec<_> = names
        .iter()
        .map(|name| shape.find(&format!("\"{name}\"")))
        .collect();
    assert!(at.is_sorted(), "{shape} is in another order");
    // Only polls count, not other reads.
    client.ask("HEAD", &url, &[], b"", 200);
    let second = client.get(&url, 200).json();
    if second["jobState"] == "RUNNING" {
        assert_eq!(second, running(2, &second));
        assert!(ms(&second, "lastAccessDate") >= ms(&first, "lastAccessDate"));
    }

    let done = polled(client, &url);
    let file = done["zipResult"].clone();
    assert!(file.is_i64(), "{done}");
    let expected = json!({
        "id": id,
        "numberOfPolls": 0,
        "creationDate": first["creationDate"],
        "lastAccessDate": null,
        "jobState": "DONE",
        "jobType": "ZIP",
        "pollingEndpoint": "/rest/jobs/zip",
        "pollingUrl": url,
        "zipResult": file,
        "type": "zipPollingJob"
    });
    assert_eq!(done, expected);

    let archive = client.get(&format!("/rest/files/{file}/download"), 200);
    assert_eq!(
        archive.header("content-disposition"),
        "attachment;filename=\"dow.zip\""
    );
    assert_eq!(
        archive.header("content-type"),
        "application/zip;charset=UTF-8"
    );
    assert_eq!(files_in(&archive.body)["dow/a.txt"], bytes);
    // The native API shows the same job.
    let native = client.get("/v1/jobs", 200).json()["jobs"][0].clone();
    assert_eq!(
        (&native["seq"], &native["operation"]),
        (&json!(id), &json!("zip"))
    );
    server.stop();
}

#[test]
fn folder_is_copied_into_another() {
    let site = Site::new();
    site.write("from/a", b"a");
    site.write("to/b", b"b");
    let server = site.serve();
    let client = server.client();
    let root = root(client);
    let (from, to) = (find(client, &root, "from"), find(client, &root, "to"));
    for name in ["from", "from (1)"] {
        let begun = client.get(&format!("/rest/folders/{from}/copy?target={to}"), 303);
        let url = begun.header("location").to_owned();
        let done = polled(client, &url);
        assert_eq!(done["jobState"], "DONE", "{done}");
        assert_eq!(done["type"], "copyPollingJob", "{done}");
        assert_eq!(done["copyResult"], find(client, &to, name), "{done}");
        assert!(site.docs().join("to").join(name).join("a").is_file());
        // The job is not a zip.
        client.get(&url.replace("copy", "zip"), 404);
    }
    client.get(&format!("/rest/folders/{from}/copy"), 422);
    client.get(&format!("/rest/folders/{from}/copy?target=999999"), 404);
    let file = find(client, &to, "b");
    client.get(&format!("/rest/folders/{file}/zip"), 404);
    let bytes = client.get(&format!("/rest/files/{file}/download"), 200);
    assert_eq!(bytes.body, b"b");
    let part = client.ask(
        "GET",
        &format!("/rest/files/{}/download", find(client, &to, "b")),
        &[("range", "bytes=0-0")],
        b"",
        206,
    );
    assert_eq!(part.header("content-range"), "bytes 0-0/1");
    server.stop();
}

#[test]
fn prefetches_and_cross_site_requests_start_no_job() {
    let site = Site::new();
    site.write("a/b", b"b");
    let server = site.serve();
    let client = server.client();
    let folder = find(client, &root(client), "a");
    let zip = format!("/rest/folders/{folder}/zip");
    for headers in [
        [("sec-purpose", "prefetch"), ("accept", "*/*")],
        [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
        ],
        [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors"),
        ],
        [("origin", "http://evil.test"), ("accept", "*/*")],
    ] {
        client.ask("GET", &zip, &headers, b"", 403);
    }
    let refused = client.ask("HEAD", &zip, &[], b"", 405);
    assert_eq!(refused.header("allow"), "GET, OPTIONS");
    let jobs = client.get("/v1/jobs", 200).json();
    assert_eq!(jobs["jobs"], json!([]));
    server.stop();
}

#[test]
fn polls_are_held_longer_each_time_until_the_job_ends() {
    let site = Site::new();
    site.write("a/b", b"b");
    site.write_zeros("a/long", 1 << 40);
    let server = site.serve();
    let client = server.client();
    let folder = find(client, &root(client), "a");
    let begun = client.get(&format!("/rest/folders/{folder}/zip"), 303);
    assert_eq!(begun.header("retry-after"), "1");
    let url = begun.header("location").to_owned();
    let mut took = Vec::new();
    for polls in 1..=3 {
        let asked = Instant::now();
        let job = ask(client, "GET", &url, &[], &Value::Null);
        took.push(asked.elapsed().as_millis());
        assert_eq!(job.json()["numberOfPolls"], polls);
        assert_eq!(job.header("retry-after"), "1");
    }
    assert!(took[1] >= 500 && took[2] >= 1000, "{took:?}");
    let id = client.get("/v1/jobs", 200).json()["jobs"][0]["id"].clone();
    let id = id.as_str().expect("an id").to_owned();
    let canceled = std::thread::scope(|scope| {
        let poll = scope.spawn(|| client.get(&url, 200).json());
        let cancel = format!("/v1/jobs/{id}/cancel");
        // Being canceled, or canceled already.
        let canceled = ask(client, "POST", &cancel, &[], &Value::Null).status;
        assert!([200, 202].contains(&canceled), "{canceled}");
        poll.join().expect("an answer")
    });
    let canceled = match canceled["jobState"].as_str() {
        Some("RUNNING") => polled(client, &url),
        _ => canceled,
    };
    assert_eq!(canceled["jobState"], "FAILURE", "{canceled}");
    assert_eq!(canceled["zipResult"], Value::Null);
    server.stop();
}

#[test]
fn urls_begin_with_the_proxy_prefix() {
    let site = Site::new();
    site.write("dow/a.txt", b"a");
    let token = site.token("anna", &[]);
    let mut command = site.command();
    command.args(["--public-url", "https://example.org/jobs/"]);
    let server = site.serve_with(command);
    let client = server.client();
    let get = |path: &str, status| {
        let headers = [("authorization", token.as_str())];
        client.ask("GET", path, &headers, b"", status)
    };
    let roots = get("/rest/folders", 200).json();
    let begun = get(&format!("/rest/folders/{}/zip", roots[0]["id"]), 303);
    let url = begun.header("location").to_owned();
    assert_eq!(begun.json(), json!({ "location": url }));
    let own = url.strip_prefix("/jobs").expect("the public path");
    let job = get(own, 200).json();
    assert_eq!(job["pollingUrl"], url, "{job}");
    assert_eq!(job["pollingEndpoint"], "/jobs/rest/jobs/zip", "{job}");
    let xml = get("/api/xmlmerge/v1/types", 200).body;
    let xml = String::from_utf8(xml).expect("text");
    assert!(
        xml.contains("<href>/jobs/api/xmlmerge/v1/types/concurrent</href>"),
        "{xml}"
    );
    server.stop();
}
