//! All ways to submit a job, and rejected submissions.

use std::collections::HashSet;
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Client, Site, incompressible, wait_for};

const ZIP: &str = "/v1/operations/zip";

/// Submits with these headers and this body; returns the JSON reply.
fn submit(
    client: &Client,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    status: u16,
) -> Value {
    client.ask("POST", path, headers, body, status).json()
}

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!(
            "--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str("--b--\r\n");
    body.into_bytes()
}

#[test]
fn params_are_accepted_as_json_form_and_query() {
    let site = Site::new();
    site.write("a b", b"a");
    let server = site.serve();
    let client = server.client();
    let check = |path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let job = submit(&client, path, headers, body, 202);
        assert_eq!(job["params"], json!({ "path": "/docs/a b" }), "{headers:?}");
        assert_eq!(
            client.ended(job["id"].as_str().expect("an id"))["status"],
            "succeeded"
        );
    };
    check(
        ZIP,
        &[("content-type", "application/json; charset=utf-8")],
        br#"{"path":"/docs/a b"}"#,
    );
    check(
        ZIP,
        &[("content-type", "application/x-www-form-urlencoded")],
        b"path=%2Fdocs%2Fa+b",
    );
    check(
        ZIP,
        &[("content-type", "multipart/form-data; boundary=b")],
        &form(&[("path", "/docs/a b")]),
    );
    check("/v1/operations/zip?path=/docs/a%20b", &[], b"");
    server.stop();
}

#[test]
fn all_errors_are_listed_in_one_reply() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let json_body = [("content-type", "application/json")];
    let pointers = |path: &str, body: &[u8], code: &str| -> HashSet<String> {
        let problem = submit(&client, path, &json_body, body, 422);
        assert_eq!(problem["code"], code);
        let errors = problem["errors"].as_array().expect("errors").clone();
        errors
            .iter()
            .map(|error| error["pointer"].as_str().expect("a pointer").to_owned())
            .collect()
    };
    let set = |pointers: &[&str]| {
        pointers
            .iter()
            .map(ToString::to_string)
            .collect::<HashSet<_>>()
    };
    assert_eq!(pointers(ZIP, b"{}", "invalid_params"), set(&["#/path"]));
    assert_eq!(
        pointers(ZIP, br#"{"path":1,"a/b":2,"c":3}"#, "invalid_params"),
        set(&["#/path", "#/a~1b", "#/c"])
    );
    assert_eq!(pointers(ZIP, b"[]", "invalid_params"), set(&["#"]));
    let query = format!("{ZIP}?nothing=1&other=2");
    assert_eq!(
        pointers(&query, br#"{"path":"/docs"}"#, "invalid_query"),
        set(&["?nothing", "?other"])
    );
    assert_eq!(
        pointers(
            &format!("{ZIP}?path=/docs"),
            br#"{"path":"/docs"}"#,
            "invalid_query"
        ),
        set(&["?path"])
    );
    server.stop();
}

#[test]
fn unsupported_requests_have_specific_statuses() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let check = |headers: &[(&str, &str)], body: &[u8], status, code: &str| {
        assert_eq!(
            submit(&client, ZIP, headers, body, status)["code"],
            code,
            "{headers:?}"
        );
    };
    check(
        &[("content-type", "text/xml")],
        b"<a/>",
        415,
        "unsupported_media_type",
    );
    check(&[], b"x", 415, "unsupported_media_type");
    check(
        &[
            ("content-encoding", "gzip"),
            ("content-type", "application/json"),
        ],
        b"{}",
        415,
        "unsupported_media_type",
    );
    check(
        &[("content-type", "multipart/form-data")],
        b"x",
        400,
        "malformed_form",
    );
    check(
        &[("content-type", "multipart/form-data; boundary=b")],
        b"x",
        400,
        "malformed_form",
    );
    check(
        &[("content-type", "multipart/form-data; boundary=b")],
        b"--b\r\n\r\nx\r\n--b--",
        400,
        "malformed_form",
    );
    let many: Vec<_> = (0..10_001).map(|_| ("path", "x")).collect();
    check(
        &[("content-type", "multipart/form-data; boundary=b")],
        &form(&many),
        400,
        "malformed_form",
    );
    let long = "x".repeat((1 << 20) + 1);
    check(
        &[("content-type", "multipart/form-data; boundary=b")],
        &form(&[("path", &long)]),
        413,
        "params_too_large",
    );
    let file = b"--b\r\ncontent-disposition: form-data; name=\"path\"; filename=\"a\"\r\n\r\nx\r\n--b--\r\n";
    check(
        &[("content-type", "multipart/form-data; boundary=b")],
        file,
        422,
        "invalid_params",
    );
    for key in ["", "\"\"", "a\"b", &"x".repeat(256)] {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        check(&headers, b"{}", 400, "invalid_idempotency_key");
    }
    server.stop();
}

#[test]
fn prefer_wait_returns_the_result() {
    let site = Site::new();
    site.write("a", b"a");
    site.write_zeros("long", 1 << 33);
    let server = site.serve();
    let client = server.client();
    let ask = |prefer: &str, path: &str, status| {
        let headers = [("content-type", "application/json"), ("prefer", prefer)];
        client.ask(
            "POST",
            ZIP,
            &headers,
            json!({ "path": path }).to_string().as_bytes(),
            status,
        )
    };
    let reply = ask("wait=50", "/docs/a", 200);
    assert_eq!(reply.header("content-type"), "application/zip");
    assert_eq!(reply.header("preference-applied"), "wait=50");
    assert_eq!(reply.header("vary"), "prefer");
    let download = reply
        .header("content-location")
        .rsplit_once("/v1/")
        .expect("a link")
        .1
        .to_owned();
    assert_eq!(client.get(&format!("/v1/{download}"), 200).body, reply.body);

    let reply = ask("wait=50", "/docs/nothing", 422);
    assert_eq!(reply.header("preference-applied"), "wait=50");
    assert_eq!(reply.header("vary"), "prefer");
    let newest = &client.get("/v1/jobs?limit=1", 200).json()["jobs"][0];
    let link = format!(
        "<{}>; rel=\"status\"",
        newest["links"]["self"].as_str().expect("a link")
    );
    assert!(
        reply.header("link").starts_with(&link),
        "the job that failed is found"
    );
    let failed = reply.json();
    assert_eq!(
        (&failed["code"], &failed["error"]["code"]),
        (&json!("job_failed"), &json!("source_not_found"))
    );

    // When the wait ends, the reply is the usual 202 and the job continues.
    let ticket = ask("respond-async, wait=1", "/docs/long", 202);
    assert_eq!(ticket.header("preference-applied"), "respond-async, wait=1");
    let id = ticket.json()["id"].as_str().expect("an id").to_owned();
    let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&json!("running"), &json!(1))
    );

    // Canceled while the client waits.
    let canceler = thread::spawn({
        let path = format!("/v1/jobs/{id}/cancel");
        move || client.post(&path, &json!({}), 202)
    });
    canceler.join().expect("it is canceled");
    assert_eq!(client.ended(&id)["status"], "canceled");
    server.stop();
}

#[test]
fn idempotency_key_creates_one_job_across_retries_and_crashes() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let body = json!({ "path": "/docs/a" }).to_string();
    let with_key = |key: &'static str| {
        [
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ]
    };
    let id = |json: &Value| json["id"].as_str().expect("an id").to_owned();

    let ids: HashSet<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let body = &body;
                scope.spawn(move || {
                    (0..50)
                        .map(|_| id(&submit(&client, ZIP, &with_key("k"), body.as_bytes(), 202)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("answers"))
            .collect()
    });
    assert_eq!(ids.len(), 1, "a thousand submissions, one job");
    let first = ids.into_iter().next().expect("an id");

    // Quoted or bare, and with any notation of the JSON: the same request.
    assert_eq!(
        id(&submit(
            &client,
            ZIP,
            &with_key("\"k\""),
            body.as_bytes(),
            202
        )),
        first
    );
    assert_eq!(
        id(&submit(
            &client,
            ZIP,
            &with_key("k"),
            b"{ \"path\" : \"/docs\\/a\" }",
            202
        )),
        first
    );
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("idempotency-key", "k"),
    ];
    assert_eq!(
        id(&submit(&client, ZIP, &form, b"path=/docs/a", 202)),
        first
    );
    let [ordered, reversed] = [
        br#"{"path":"/docs/a","level":1}"#.as_slice(),
        br#"{"level":1.0,"path":"/docs/a"}"#,
    ]
    .map(|body| id(&submit(&client, ZIP, &with_key("order"), body, 202)));
    assert_eq!(ordered, reversed);
    assert_eq!(
        submit(&client, ZIP, &with_key("k"), br#"{"path":"/docs"}"#, 422)["code"],
        "idempotency_key_reused"
    );
    assert_ne!(
        id(&submit(
            &client,
            ZIP,
            &with_key("other"),
            body.as_bytes(),
            202
        )),
        first
    );

    client.ended(&first);
    server.kill();
    let server = site.serve();
    let client = server.client();
    let again = submit(&client, ZIP, &with_key("k"), body.as_bytes(), 202);
    assert_eq!(
        (&again["id"], &again["status"]),
        (&json!(first), &json!("succeeded")),
        "the job as it is now"
    );
    // An idempotency key lives as long as its job.
    client.ask("DELETE", &format!("/v1/jobs/{first}"), &[], b"", 200);
    assert_ne!(
        id(&submit(&client, ZIP, &with_key("k"), body.as_bytes(), 202)),
        first
    );
    server.stop();
}

#[test]
fn no_request_body_causes_a_500() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let mut cases: Vec<(&str, Vec<u8>)> = Vec::new();
    let texts = [
        "",
        " ",
        "null",
        "true",
        "0",
        "\"x\"",
        "[]",
        "[{}]",
        "{",
        "}",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{'a':1}",
        "{\"path\":1e999}",
        "{\"path\":\"\\ud800\"}",
        "{\"path\":\"\\u0000\"}",
        "{\"path\":null}",
        "{\"path\":{}}",
        "{\"path\":[]}",
        "{\"path\":\"/docs\",\"path\":\"/docs\"}",
        "{\"path\":\"/docs\"}x",
        "\u{feff}{}",
        "{\"path\":-0}",
        "[1,]",
        "NaN",
        "{\"path\":\"../..\"}",
        "{\"path\":\"/docs/%00\"}",
        "{\"path\":\"/docs/\u{202e}\"}",
    ];
    for text in texts {
        for content_type in [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=b",
        ] {
            cases.push((content_type, text.as_bytes().to_vec()));
        }
    }
    cases.push((
        "application/json",
        [b"[".repeat(200), b"]".repeat(200)].concat(),
    ));
    cases.push(("application/json", incompressible(5000)));
    cases.push((
        "multipart/form-data; boundary=b",
        [b"--b\r\n".as_slice(), &incompressible(5000)].concat(),
    ));
    cases.push(("multipart/form-data; boundary=b", b"--b\r\n".repeat(20_000)));
    for (content_type, body) in cases {
        let reply = client
            .try_ask("POST", ZIP, &[("content-type", content_type)], &body)
            .expect("a whole reply");
        assert!(
            [202, 400, 413, 415, 422].contains(&reply.status),
            "{content_type}: {}",
            String::from_utf8_lossy(&body)
        );
    }
    let pieces = prop::sample::select(vec![
        "--b",
        "\r\n",
        "\n",
        "--b--",
        "content-disposition: form-data; name=\"path\"",
        "content-disposition:",
        "name=",
        "\"",
        ";",
        "filename=\"x\"",
        "content-type: text/plain",
        "/docs",
        "{\"path\":",
        "}",
        "[",
        "]",
        "%",
        "&",
        "=",
        "\0",
        "é",
    ]);
    let mut runner = TestRunner::new(Config {
        cases: 300,
        ..Config::default()
    });
    let bodies = (prop::collection::vec(pieces, 0..30), 0..3_usize);
    runner
        .run(&bodies, |(pieces, kind)| {
            let content_type = [
                "application/json",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=b",
            ][kind];
            let body = pieces.concat();
            let reply = client.try_ask(
                "POST",
                ZIP,
                &[("content-type", content_type)],
                body.as_bytes(),
            );
            let status = reply.expect("a whole reply").status;
            prop_assert!(
                [202, 400, 413, 415, 422].contains(&status),
                "{status} {content_type}: {body:?}"
            );
            Ok(())
        })
        .expect("no 500");
    server.stop();
}

#[test]
fn document_may_be_the_result_of_another_job() {
    let site = Site::new();
    site.write("a.txt", b"a");
    let server = site.serve_example_with_docs();
    let client = server.client();
    let source = client.zip("/docs/a.txt");
    client.ended(&source);
    let archive = client.get(&format!("/v1/downloads/{source}"), 200).body;
    let digest = |id: &str, status| {
        let params = json!({ "document": { "type": "job", "id": id } });
        client.post("/v1/operations/digest", &params, status).json()
    };
    let job = digest(&source, 202);
    let ended = client.ended(job["id"].as_str().expect("an id"));
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(ended["params"]["document"]["id"], *source);
    let id = ended["id"].as_str().expect("an id");
    let found = client.get(&format!("/v1/downloads/{id}"), 200).body;
    let expected = hex::encode(Sha256::digest(&archive));
    assert_eq!(String::from_utf8_lossy(&found).trim(), expected);

    let failed = client.zip("/docs/nothing");
    client.ended(&failed);
    assert_eq!(digest(&failed, 409)["code"], "source_not_ready");
    let unknown = digest("01JD3QXYZ0000000000000000A", 422);
    assert_eq!(unknown["errors"][0]["pointer"], "#/document/id");
    client.ask("DELETE", &format!("/v1/jobs/{source}"), &[], b"", 200);
    digest(&source, 422);
    drop(server);
}

#[test]
fn result_needed_by_a_queued_job_does_not_expire() {
    let site = Site::new();
    site.write("a.txt", b"a");
    let settings = "idle-timeout = \"1s\"\n[operations.take]\n\
        command = [\"sh\", \"-c\", \"sleep \\\"$1\\\"; wc -c <\\\"$2\\\"\", \"-\", \"{seconds}\", \"{input.source}\"]\n\
        inputs = { source = { required = true } }\nparams.seconds = { type = \"integer\" }\nconcurrency = 1\n";
    let server = site.serve_configured(settings);
    let client = server.client();
    let source = client.zip("/docs/a.txt");
    let length = client.ended(&source)["output"]["size"].clone();
    let document = json!({ "type": "job", "id": source });
    let take = |seconds: u32, document: &Value| {
        let params = json!({ "seconds": seconds, "source": document });
        let job = client.post("/v1/operations/take", &params, 202).json();
        job["id"].as_str().expect("an id").to_owned()
    };
    // The first job delays the second for three times the idle timeout.
    take(3, &json!("/docs/a.txt"));
    let second = take(0, &document);
    let ended = client.ended(&second);
    assert_eq!(ended["status"], "succeeded", "{ended}");
    let counted = client.get(&format!("/v1/downloads/{second}"), 200).body;
    assert_eq!(String::from_utf8_lossy(&counted).trim(), length.to_string());
    wait_for("the source's end", || {
        let jobs = client.get("/v1/jobs", 200).json();
        let jobs = jobs["jobs"].as_array().expect("a list").clone();
        jobs.iter().all(|job| job["id"] != *source).then_some(())
    });
    server.stop();
}
