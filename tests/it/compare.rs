//! `compare`, `merge` and `extract` over HTTP.

use serde_json::{Value, json};

use crate::harness::{Client, Server, Site, wait_for};

/// Runs a job that must succeed; returns the job and its result.
fn succeeded(client: &Client, operation: &str, params: &Value) -> (Value, String) {
    let accepted = client
        .post(&format!("/v1/operations/{operation}"), params, 202)
        .json();
    let id = accepted["id"].as_str().expect("an id");
    let job = client.ended(id);
    assert_eq!(job["status"], "succeeded", "{job}");
    let download = client.get(&format!("/v1/downloads/{id}"), 200);
    assert_eq!(download.header("content-type"), "application/xml");
    (job, String::from_utf8(download.body).expect("UTF-8"))
}

/// Runs a job that must fail; returns its error.
fn failed(client: &Client, operation: &str, params: &Value) -> Value {
    let accepted = client
        .post(&format!("/v1/operations/{operation}"), params, 202)
        .json();
    let job = client.ended(accepted["id"].as_str().expect("an id"));
    assert_eq!(job["status"], "failed", "{job}");
    job["error"].clone()
}

fn inline(text: &str) -> Value {
    json!({ "type": "inline", "value": text })
}

#[test]
fn both_documents_are_recovered_from_the_comparison() {
    let site = Site::new();
    site.write("old.xml", b"<r><p>The quick fox</p></r>");
    site.write("new.xml", b"<r><p>The slow fox</p><q/></r>");
    let server = site.serve();
    let client = server.client();
    let params = json!({ "a": "/docs/old.xml", "b": { "type": "file", "path": "/docs/new.xml" } });
    let (job, delta) = succeeded(&client, "compare", &params);
    assert_eq!(job["phase"], "Output processing in progress");
    assert_eq!(
        job["stage"],
        json!({ "name": "Output, 2 changes", "current": 4, "total": 4 })
    );
    assert_eq!(job["output"]["filename"], "new-delta.xml");
    assert!(
        delta.contains("<deltaxml:text deltaxml:deltaV2=\"A\">quick</deltaxml:text>"),
        "{delta}"
    );

    let (job, old) = succeeded(
        &client,
        "extract",
        &json!({ "delta": inline(&delta), "version": "A" }),
    );
    assert_eq!(job["output"]["filename"], "A.xml");
    assert!(old.ends_with("<r><p>The quick fox</p></r>\n"), "{old}");
    server.stop();
    site.check_tables();
}

#[test]
fn every_compare_param_changes_the_result() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let check = |more: Value, expected: &str| {
        let mut params = json!({
            "a": inline("<r><l><i k='1'>x</i>\n<i k='2'>y</i></l><p>one two</p></r>"),
            "b": inline("<r><l><i k='2'>y</i>\n<i k='1'>x</i></l><p>one 2</p>\n</r>"),
        });
        for (name, value) in more.as_object().expect("params") {
            params[name] = value.clone();
        }
        let (_, delta) = succeeded(&client, "compare", &params);
        assert!(delta.contains(expected), "{more}: {delta}");
    };
    check(json!({}), "one <deltaxml:textGroup");
    check(json!({ "words": false }), ">one two</deltaxml:text>");
    check(
        json!({ "format": "changes-only" }),
        "content-type=\"changes-only\"",
    );
    let page = client
        .post(
            "/v1/operations/compare",
            &json!({ "a": inline("<r>one</r>"), "b": inline("<r>two</r>"), "format": "html" }),
            202,
        )
        .json();
    let job = client.ended(page["id"].as_str().expect("an id"));
    assert_eq!(
        (&job["output"]["mediaType"], &job["output"]["filename"]),
        (&json!("text/html"), &json!("delta.html"))
    );
    check(json!({ "moves": true }), "deltaxml:move-idref=\"m1\"");
    check(json!({ "whitespace": "ignore" }), "</p></r>");
    check(
        json!({ "orderless": ["l"] }),
        "original-position=\"A=1, B=2\"",
    );
    check(json!({ "key": ["i@k"] }), "deltaxml:key=\"1\"");
    check(json!({ "key": ["i: @k,."] }), "deltaxml:key=\"1&#10;x\"");
    check(
        json!({ "ignore": ["p"] }),
        "<p deltaxml:deltaV2=\"A=B\">one 2</p>",
    );
    let entity = |text: &str| inline(&format!("<!DOCTYPE r SYSTEM 'r.dtd'><r>{text}</r>"));
    check(
        json!({ "a": entity("&x;"), "b": entity("1"), "dtd": inline("<!ENTITY x '1'>") }),
        "deltaxml:deltaV2=\"A=B\"",
    );
    let numbers = |more: Value| {
        let mut params = json!({
            "a": inline("<r xmlns='urn:1'><x id='1'>1</x><x id='2'>2</x></r>"),
            "b": inline("<r xmlns='urn:1'><x id='2'>1.01</x><x id='1'>2.01</x></r>"),
        });
        for (name, value) in more.as_object().expect("params") {
            params[name] = value.clone();
        }
        succeeded(&client, "compare", &params).1
    };
    let by_order = numbers(json!({ "ids": false, "tolerance": 0.01 }));
    assert!(!by_order.contains("deltaxml:textGroup"), "{by_order}");
    let other = inline("<db xmlns='urn:2'><x id='1'>1</x><x id='2'>2</x></db>");
    let renamed = numbers(json!({ "b": other, "namespaces": "ignored", "roots": "any" }));
    assert!(
        renamed.contains("root-names=\"B=db&gt;urn:1\""),
        "{renamed}"
    );
    assert!(!renamed.contains("deltaxml:textGroup"), "{renamed}");
}

#[test]
fn memory_of_documents_is_limited() {
    let site = Site::new();
    let many = |name: &str| format!("<r>{}</r>", format!("<{name}/>").repeat(100_000));
    site.write("a.xml", many("a").as_bytes());
    site.write("b.xml", many("b").as_bytes());
    let server = site.serve_configured("[limits]\ndocument-memory = '4 MiB'\n");
    let params = json!({ "a": "/docs/a.xml", "b": "/docs/b.xml" });
    let error = failed(&server.client(), "compare", &params);
    assert_eq!(error["code"], "over_limit");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("4194304 bytes of memory"), "{message}");
    server.stop();
}

#[test]
fn documents_are_read_from_form_parts() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let part = |name: &str, file: &str, text: &str| {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: application/xml\r\n\r\n{text}\r\n"
        )
    };
    let submit = |operation: &str, body: String| {
        let headers = [("content-type", "multipart/form-data; boundary=x")];
        let body = body + "--x--\r\n";
        let accepted = client
            .ask(
                "POST",
                &format!("/v1/operations/{operation}"),
                &headers,
                body.as_bytes(),
                202,
            )
            .json();
        let job = client.ended(accepted["id"].as_str().expect("an id"));
        assert_eq!(job["status"], "succeeded", "{job}");
        job
    };
    let job = submit(
        "compare",
        part("a", "one.xml", "<r/>") + &part("b", "two.xml", "<r>x</r>"),
    );
    assert_eq!(job["output"]["filename"], "two-delta.xml");
    let job = submit(
        "merge",
        part("versions", "base.xml", "<r/>") + &part("versions", "anna.xml", "<r>x</r>"),
    );
    assert_eq!(job["stage"]["name"], "Output, 1 change, 0 conflicts");
    assert_eq!(job["phase"], "Processing Version 'anna'");
}

#[test]
fn merged_versions_keep_their_names() {
    let site = Site::new();
    site.write("base.xml", b"<r><p>one</p></r>");
    let server = site.serve();
    let client = server.client();
    let version = |name: &str, text: &str| json!({ "name": name, "type": "inline", "value": text });
    let versions = json!([
        "/docs/base.xml",
        version("anna", "<r><p>two</p></r>"),
        version("ben", "<r><p>three</p><q/></r>")
    ]);
    let (job, delta) = succeeded(&client, "merge", &json!({ "versions": versions }));
    assert_eq!(
        job["stage"],
        json!({ "name": "Output, 2 changes, 1 conflict", "current": 5, "total": 5 })
    );
    assert_eq!(job["output"]["filename"], "base-merged.xml");
    assert!(
        delta.contains("deltaxml:version-order=\"base, anna, ben\""),
        "{delta}"
    );
    let (_, last) = succeeded(
        &client,
        "merge",
        &json!({ "versions": versions, "mode": "sequential", "format": "merged" }),
    );
    assert!(last.ends_with("<r><p>three</p><q/></r>\n"), "{last}");
    let (_, ben) = succeeded(
        &client,
        "extract",
        &json!({ "delta": inline(&delta), "version": "ben" }),
    );
    assert!(ben.ends_with("<r><p>three</p><q/></r>\n"), "{ben}");
}

#[test]
fn invalid_compare_and_merge_params_are_422() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let refused = |operation: &str, params: &Value, pointer: &str| {
        let problem = client
            .post(&format!("/v1/operations/{operation}"), params, 422)
            .json();
        let all = problem["errors"].as_array().expect("errors");
        assert!(all.iter().any(|one| one["pointer"] == pointer), "{problem}");
    };
    refused("compare", &json!({ "a": inline("<r/>") }), "#/b");
    refused(
        "compare",
        &json!({ "a": inline("<r/>"), "b": inline("<r/>"), "orderless": ["a b"] }),
        "#/orderless",
    );
    refused(
        "compare",
        &json!({ "a": inline("<r/>"), "b": inline("<r/>"), "key": ["item"] }),
        "#/key",
    );
    let two = |first: &str, second: &str| json!([{ "name": first, "type": "inline", "value": "<r/>" }, { "name": second, "type": "inline", "value": "<r/>" }]);
    refused("merge", &json!({ "versions": two("a", "a") }), "#/versions");
    refused(
        "merge",
        &json!({ "versions": two("a", "b=c") }),
        "#/versions",
    );
    refused(
        "merge",
        &json!({ "versions": two("a", "b"), "mode": "threeway" }),
        "#/versions",
    );
    refused(
        "merge",
        &json!({ "versions": [inline("<r/>"), inline("<r/>")] }),
        "#/versions",
    );
}

#[test]
fn failure_has_cause_line_and_column() {
    let site = Site::new();
    site.write("cloakroom.toml", b"[limits]\ndocument-bytes = '1 KiB'\n");
    let mut command = site.command();
    command
        .arg("--config")
        .arg(site.docs().join("cloakroom.toml"));
    let server = site.serve_with(command);
    let client = server.client();
    let error = failed(
        &client,
        "compare",
        &json!({ "a": inline("<r/>"), "b": inline("<r>\n <a></b></r>") }),
    );
    assert_eq!(error["code"], "not_well_formed");
    assert_eq!(
        error["innererror"],
        json!({ "input": "inputB", "line": 2, "column": 5 })
    );
    let error = failed(
        &client,
        "compare",
        &json!({ "a": inline("<r/>"), "b": inline("<s/>") }),
    );
    assert_eq!(error["code"], "different_roots");
    let long = format!("<r>{}</r>", "x".repeat(2000));
    let error = failed(
        &client,
        "compare",
        &json!({ "a": inline(&long), "b": inline("<r/>") }),
    );
    assert_eq!(
        (&error["code"], &error["innererror"]["input"]),
        (&json!("over_limit"), &json!("inputA"))
    );
    // A delta may be longer than the limit for a document: it contains both versions and marks.
    let most = format!("<r>{}</r>", "x".repeat(1010));
    let (_, delta) = succeeded(
        &client,
        "compare",
        &json!({ "a": inline(&most), "b": inline("<r>y</r>") }),
    );
    assert!(delta.len() > 1024);
    succeeded(
        &client,
        "extract",
        &json!({ "delta": inline(&delta), "version": "A" }),
    );
    let error = failed(
        &client,
        "extract",
        &json!({ "delta": inline(&long.repeat(5)), "version": "A" }),
    );
    assert_eq!(error["code"], "over_limit");
    let error = failed(
        &client,
        "extract",
        &json!({ "delta": inline("<r/>"), "version": "A" }),
    );
    assert_eq!(error["code"], "not_a_delta");
    let error = failed(
        &client,
        "compare",
        &json!({ "a": "/docs/none.xml", "b": inline("<r/>") }),
    );
    assert_eq!(error["code"], "source_not_found");
    let waited = client.ask(
        "POST",
        "/v1/operations/compare",
        &[("content-type", "application/json"), ("prefer", "wait=30")],
        json!({ "a": inline("<r>"), "b": inline("<r/>") })
            .to_string()
            .as_bytes(),
        422,
    );
    assert_eq!(waited.json()["code"], "job_failed");
}

/// Writes two documents below the root whose comparison takes a while.
fn write_large(site: &Site) -> Value {
    let document = |factor: usize| -> String {
        let row = |n: usize| {
            format!(
                "<row><name>some words {}</name><v>{}</v></row>",
                n * factor % 977,
                n * factor
            )
        };
        format!("<t>{}</t>", (0..50_000).map(row).collect::<String>())
    };
    site.write("a.xml", document(3).as_bytes());
    site.write("b.xml", document(5).as_bytes());
    json!({ "a": "/docs/a.xml", "b": "/docs/b.xml" })
}

fn running(server: &Server, params: &Value) -> String {
    let client = server.client();
    let id = client.post("/v1/operations/compare", params, 202).json()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    wait_for("it computes", || {
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        assert_ne!(job["status"], "succeeded", "{job}");
        let phase = job["phase"].as_str().unwrap_or_default().to_owned();
        (phase == "Comparison in progress").then_some(())
    });
    id
}

#[test]
fn comparison_reports_progress_and_can_be_canceled() {
    let site = Site::new();
    let params = write_large(&site);
    let server = site.serve();
    let client = server.client();
    let id = running(&server, &params);
    let percent = client.get(&format!("/v1/jobs/{id}"), 200).json()["percentComplete"].clone();
    assert!(
        percent.as_f64().is_some_and(|percent| percent >= 39.0),
        "{percent}"
    );
    // With a concurrency of one, the next job waits.
    let next = client
        .post(
            "/v1/operations/compare",
            &json!({ "a": inline("<r/>"), "b": inline("<r/>") }),
            202,
        )
        .json();
    let next = next["id"].as_str().expect("an id");
    assert_eq!(
        client.get(&format!("/v1/jobs/{next}"), 200).json()["status"],
        "queued"
    );
    client.ask("POST", &format!("/v1/jobs/{id}/cancel"), &[], b"", 202);
    assert_eq!(client.ended(&id)["status"], "canceled");
    assert_eq!(client.ended(next)["status"], "succeeded");
}
