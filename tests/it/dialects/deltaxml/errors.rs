//! Errors in the format of each product and in the media type that the client prefers.

use serde_json::{Value, json};

use super::{
    AS_JSON, AS_XML, COMPARE, MERGE, ask, form, get, is_time, is_uuid, post, tagged, text,
};
use crate::harness::{Client, Site};

/// Checks that a reply is an error in the format of the product that owns `path`.
fn check(path: &str, reply: &super::Reply) {
    let is_merge = path.starts_with(MERGE);
    let name = if is_merge { "Error" } else { "error" };
    let [message, id, code] = ["Message", "Id", "Code"].map(|part| format!("{name}{part}"));
    let body = text(reply);
    if reply.header("content-type") == "application/json" {
        let error = reply.json();
        assert_eq!(error[&code], reply.status, "{path}: {body}");
        assert!(is_uuid(error[&id].as_str().expect("an id")), "{body}");
        assert!(
            is_time(error["timestamp"].as_str().expect("a time")),
            "{body}"
        );
        assert!(
            !error[&message].as_str().expect("a message").is_empty(),
            "{body}"
        );
        assert_eq!(error.as_object().expect("an object").len(), 4, "{body}");
    } else {
        assert_eq!(reply.header("content-type"), "application/xml");
        let (id, at) = (tagged(&body, &id), tagged(&body, "timestamp"));
        assert!(is_uuid(id) && is_time(at), "{path}: {body}");
        let expected = format!(
            "<{name}>\n    <{message}>{}</{message}>\n    <{name}Id>{id}</{name}Id>\n    <{code}>{}</{code}>\n    \
             <timestamp>{at}</timestamp>\n</{name}>\n",
            tagged(&body, &message),
            reply.status,
        );
        assert_eq!(body, expected, "{path}");
    }
}

fn refused(
    client: Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
    status: u16,
) -> super::Reply {
    let reply = ask(client, method, path, headers, body, status);
    check(path, &reply);
    reply
}

#[test]
fn malformed_requests_are_400() {
    let site = Site::new();
    site.write("a.xml", b"<r/>");
    let server = site.serve();
    let client = server.client();
    let compare = format!("{COMPARE}/compare");
    let merge = format!("{MERGE}/types/concurrent");
    let deep = |name: &str| "<x>".repeat(1000) + name + &"</x>".repeat(1000);
    let a = "<input-a><path>/docs/a.xml</path></input-a>";
    let both = format!("{a}{}", a.replace("-a", "-b"));
    for body in [
        "",
        "x",
        "<compare>",
        "<compare/>",
        "<other/>",
        "<!DOCTYPE compare [<!ENTITY x 'y'>]><compare>&x;</compare>",
        &format!("<compare>{}</compare>", deep("")),
        &format!("<compare>{a}</compare>"),
        &format!("<compare>{a}<input-b/></compare>"),
        &format!("<compare>{a}<input-b type='ftp'><uri>ftp://x</uri></input-b></compare>"),
        &format!("<compare>{a}<input-b type='file'><uri>/docs/a.xml</uri></input-b></compare>"),
        &format!("<compare>{a}<input-b><path>/elsewhere/a.xml</path></input-b></compare>"),
        &format!("<compare>{a}<input-b><path>/docs/../a.xml</path></input-b><async/></compare>"),
        &format!("<compare>{both}<async>maybe</async></compare>"),
        &format!("<compare>{both}<async><keepResult>x</keepResult></async></compare>"),
        &format!("<compare>{both}<async><callback>nowhere</callback></async></compare>"),
        &format!("<compare>{both}<async><output type='http'/></async></compare>"),
        &format!("<compare>{both}<configuration><words>x</words></configuration></compare>"),
    ] {
        refused(client, "POST", &compare, &AS_XML, body, 400);
    }
    let deep = "[".repeat(10_000);
    for body in [
        "",
        "x",
        "[]",
        "null",
        "1",
        "\"x\"",
        "{}",
        &deep,
        r#"{"input-a":1,"input-b":2}"#,
        r#"{"input-a":{"type":"upload","name":"x","size":1,"mediaType":"x","blob":1},"input-b":"/docs/a.xml"}"#,
        r#"{"input-a":"/docs/a.xml","input-b":"/docs/a.xml","async":1}"#,
        r#"{"input-a":"/docs/a.xml","input-b":"/docs/a.xml","async":[]}"#,
        r#"{"input-a":"/docs/a.xml","input-b":"/docs/a.xml","async":{"output":[]}}"#,
        r#"{"input-a":"http://10.0.0.1:99999/","input-b":"/docs/a.xml"}"#,
        r#"{"input-a":{"type":"job","id":"x"},"input-b":"/docs/a.xml"}"#,
    ] {
        refused(client, "POST", &compare, &AS_JSON, body, 400);
    }
    for body in [
        json!({}),
        json!({ "Versions": [] }),
        json!({ "Versions": "x" }),
        json!({ "Versions": [1, 2] }),
        json!({ "Versions": [{ "type": "file", "Path": "/docs/a.xml" }] }),
        json!({ "Versions": [{ "type": "file", "name": "a", "Path": "/docs/a.xml" }] }),
        json!({ "Versions": vec![json!({ "type": "file", "name": "a", "Path": "/docs/a.xml" }); 2] }),
    ] {
        refused(client, "POST", &merge, &AS_JSON, &body.to_string(), 400);
    }
    let wrong = json!({
        "input-a": "/docs/a.xml",
        "input-b": "/docs/a.xml",
        "async": { "callback": "nowhere", "output": { "type": "file", "path": "/elsewhere" } },
    });
    let reply = refused(client, "POST", &compare, &AS_JSON, &wrong.to_string(), 400).json();
    let message = reply["errorMessage"].as_str().expect("a message");
    assert!(
        message.contains("output: ") && message.contains("callback: "),
        "{message}"
    );
    let lost = r#"{"input-a":"/docs/a.xml","input-b":"/elsewhere"}"#;
    let reply = refused(client, "POST", &compare, &AS_JSON, lost, 400).json();
    let message = reply["errorMessage"].as_str().expect("a message");
    assert!(
        message.starts_with("input-b: "),
        "named as in the request: {message}"
    );
    let alone = r#"{"Versions":[{"name":"a","Path":"/docs/a.xml"}]}"#;
    let reply = refused(client, "POST", &merge, &AS_JSON, alone, 400).json();
    let message = reply["ErrorMessage"].as_str().expect("a message");
    assert!(
        message.starts_with("Versions: "),
        "named as in the request: {message}"
    );
    let (headers, body) = form(&[("name=\"inputA\"", "", "/docs/a.xml")]);
    refused(client, "POST", &compare, &headers, &body, 400);
    refused(
        client,
        "POST",
        &compare,
        &headers,
        &body[..body.len() - 20],
        400,
    );
    refused(client, "POST", &compare, &headers, "", 400);
    let (headers, body) = form(&[("filename=\"x\"", "", "x")]);
    refused(client, "POST", &compare, &headers, &body, 400);
    let jobs = client.get("/v1/jobs", 200).json();
    assert_eq!(jobs["jobs"], json!([]), "none of them was taken on");
    server.stop();
    site.check_tables();
}

#[test]
fn settings_and_job_options_sent_as_files_are_400() {
    let site = Site::new();
    site.write("a.xml", b"<r/>");
    let server = site.serve();
    let client = server.client();
    let compare = format!("{COMPARE}/compare");
    let merge = format!("{MERGE}/types/concurrent");
    let compare_inputs = ["name=\"inputA\"", "name=\"inputB\""];
    let merge_inputs = ["name=\"one\"", "name=\"two\""];
    for (path, inputs, name, content) in [
        (&compare, compare_inputs, "async", "true"),
        (&compare, compare_inputs, "callback", "http://localhost/"),
        (&compare, compare_inputs, "keepResult", "false"),
        (&compare, compare_inputs, "output", "/docs/out.xml"),
        (&compare, compare_inputs, "wordByWord", "true"),
        (&merge, merge_inputs, "Async", "true"),
        (&merge, merge_inputs, "AsyncCallback", "http://localhost/"),
        (&merge, merge_inputs, "AsyncOutput", "/docs/out.xml"),
        (&merge, merge_inputs, "WordByWord", "true"),
    ] {
        let file = format!("name=\"{name}\"; filename=\"x.txt\"");
        let (headers, body) = form(&[
            (inputs[0], "", "/docs/a.xml"),
            (inputs[1], "", "/docs/a.xml"),
            (&file, "text/plain", content),
        ]);
        let reply = refused(client, "POST", path, &headers, &body, 400);
        let message = text(&reply);
        assert!(
            message.contains(name) && message.contains("is sent as a file"),
            "{path}: {message}"
        );
        // A file input without a file is ignored, whatever its name.
        let untouched = format!("name=\"{name}\"; filename=\"\"");
        let (headers, body) = form(&[
            (inputs[0], "", "/docs/a.xml"),
            (inputs[1], "", "/docs/a.xml"),
            (&untouched, "application/octet-stream", ""),
        ]);
        ask(client, "POST", path, &headers, &body, 200);
    }
    let jobs = client.get("/v1/jobs", 200).json();
    assert_eq!(jobs["jobs"], json!([]), "no job was submitted");
    server.stop();
    site.check_tables();
}

#[test]
fn malformed_bodies_get_errors_in_the_products_format() {
    let site = Site::new();
    site.write("a.xml", b"<r/>");
    site.write("secret.xml", b"<secret/>");
    let server = site.serve();
    let client = server.client();
    let compare = format!("{COMPARE}/compare");
    let merge = format!("{MERGE}/types/concurrent");
    let long = "x".repeat(10_000);
    let boundary = [("content-type", "multipart/form-data")];
    let url_encoded = [("content-type", "application/x-www-form-urlencoded")];
    let wide = [("content-type", "application/json; charset=utf-16")];
    let zipped = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    for path in [&compare, &merge] {
        for parameters in [
            format!("name=\"{long}\""),
            format!("name=\"inputA\"; filename=\"{long}\""),
            format!("name=\"inputA\"\r\nContent-Type: text/{long}"),
            "name=\"inputA\"; filename=\"open".to_owned(),
            "name=\"inputA\"\r\nContent-Type: multipart/mixed; boundary=c".to_owned(),
        ] {
            let (headers, body) = form(&[(&parameters, "", "x")]);
            let reply = refused(client, "POST", path, &headers, &body, 400);
            assert!(reply.body.len() < 1000, "{parameters}");
        }
        refused(client, "POST", path, &boundary, "x", 400);
        refused(client, "POST", path, &url_encoded, "{}", 415);
        refused(client, "POST", path, &wide, "{}", 415);
        refused(client, "POST", path, &zipped, "{}", 415);
        // An untouched file input is no document.
        let untouched = ["inputA", "inputB"].map(|name| format!("name=\"{name}\"; filename=\"\""));
        let untouched = untouched
            .each_ref()
            .map(|parameters| (parameters.as_str(), "", ""));
        let (headers, body) = form(&untouched);
        refused(client, "POST", path, &headers, &body, 400);
    }
    // Long values are not echoed.
    let long = "x".repeat(100_000);
    let xml = format!("<{long}/>");
    let json =
        json!({ "input-a": { "type": long }, "Versions": [{ "type": "file", "name": long }] });
    for path in [&compare, &merge] {
        for (headers, body) in [(AS_XML, &xml), (AS_JSON, &json.to_string())] {
            let reply = refused(client, "POST", path, &headers, body, 400);
            assert!(
                reply.body.len() < 4000,
                "{path}: {} bytes",
                reply.body.len()
            );
        }
    }
    // What is sent as a file is content, never a path.
    let latin = b"--b\r\nContent-Disposition: form-data; name=inputA; filename=\"na\xEFve\"\r\n\r\n/docs/secret.xml\r\n--b\r\n\
        Content-Disposition: form-data; name=inputB\r\n\r\n/docs/a.xml\r\n--b--";
    for path in [&compare, &merge] {
        let headers = [("content-type", "multipart/form-data; boundary=b")];
        let reply = client
            .try_ask("POST", path, &headers, latin)
            .expect("a reply");
        assert_eq!(reply.status, 400, "{path}: {}", text(&reply));
        check(path, &reply);
        assert!(
            text(&reply).contains("line 1, column 1"),
            "{}",
            text(&reply)
        );
    }
    server.stop();
    site.check_tables();
}

#[test]
fn every_error_has_its_status_and_the_products_format() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    for prefix in [COMPARE, MERGE] {
        let id = "0192f5b2-0000-0000-0000-00000000000a";
        let job = format!("{prefix}/jobs/{id}");
        for accept in ["application/json", "application/xml", "*/*"] {
            let headers = [("accept", accept)];
            let lost = refused(client, "GET", &job, &headers, "", 404);
            let expected = if accept == "application/json" {
                accept
            } else {
                "application/xml"
            };
            assert_eq!(lost.header("content-type"), expected);
            refused(
                client,
                "GET",
                &format!("{prefix}/downloads/{id}"),
                &headers,
                "",
                404,
            );
            refused(client, "DELETE", &job, &headers, "", 404);
            refused(
                client,
                "GET",
                &format!("{prefix}/nothing"),
                &headers,
                "",
                404,
            );
            refused(client, "GET", prefix, &headers, "", 404);
            let wrong = refused(client, "PUT", &job, &headers, "", 405);
            assert_eq!(wrong.header("allow"), "GET, HEAD, DELETE, OPTIONS");
            let cross_origin = [headers[0], ("origin", "http://evil.test")];
            refused(client, "DELETE", &job, &cross_origin, "", 403);
            let host = [headers[0], ("host", "evil.test")];
            refused(client, "GET", &job, &host, "", 421);
        }
        let work = match prefix {
            COMPARE => format!("{prefix}/compare"),
            _ => format!("{prefix}/types/threeway"),
        };
        let wrong = refused(client, "GET", &work, &[], "", 405);
        assert_eq!(wrong.header("allow"), "POST, OPTIONS");
        refused(client, "POST", &work, &[], "<compare/>", 415);
        refused(
            client,
            "POST",
            &work,
            &[("content-type", "text/csv")],
            "a,b",
            415,
        );
        let packed = [AS_JSON[0], ("content-encoding", "gzip")];
        let reply = refused(client, "POST", &work, &packed, "x", 415);
        assert_eq!(reply.header("content-type"), "application/json");
        let cross_site = [AS_XML[0], ("sec-fetch-site", "cross-site")];
        refused(client, "POST", &work, &cross_site, "<compare/>", 403);
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20));
        refused(client, "POST", &work, &AS_JSON, &long, 413);
        let options = ask(client, "OPTIONS", &job, &[], "", 204);
        assert_eq!(options.header("allow"), "GET, HEAD, DELETE, OPTIONS");
        let head = ask(client, "HEAD", &job, &[], "", 404);
        assert!(head.body.is_empty());
    }
    server.stop();
}

#[test]
fn cross_site_links_open_kept_results_only() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let path = format!("{COMPARE}/compare");
    let led = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
    for (keep, expected) in [(true, 200), (false, 403)] {
        let body = json!({ "input-a": "<a/>", "input-b": "<a/>", "async": { "keepResult": keep } });
        let accepted = post(client, &path, &body, 202);
        let job = super::path_of(&accepted);
        super::ended(client, &job);
        let download = job.replace("/jobs/", "/downloads/");
        let reply = ask(client, "GET", &download, &led, "", expected);
        if expected != 200 {
            check(&download, &reply);
        }
        refused(client, "GET", &job, &led, "", 403);
        get(client, &download, 200);
    }
    server.stop();
}

#[test]
fn foreign_jobs_are_404() {
    let site = Site::new();
    let (anna, ben) = (site.token("anna", &[]), site.token("ben", &[]));
    let server = site.serve();
    let client = server.client();
    let body = json!({ "input-a": "<a/>", "input-b": "<a/>", "async": true }).to_string();
    let path = format!("{COMPARE}/compare");
    let anonymous = refused(client, "POST", &path, &AS_JSON, &body, 401);
    assert_eq!(anonymous.header("www-authenticate"), "Bearer");
    let headers = [AS_JSON[0], ("authorization", &*anna)];
    let job = super::path_of(&ask(client, "POST", &path, &headers, &body, 202));
    refused(client, "GET", &job, &[], "", 401);
    ask(client, "GET", &job, &[("authorization", &*anna)], "", 200);
    let other = [("authorization", &*ben), ("accept", "application/json")];
    refused(client, "GET", &job, &other, "", 404);
    refused(client, "DELETE", &job, &other, "", 404);
    refused(
        client,
        "GET",
        &job.replace("/jobs/", "/downloads/"),
        &other,
        "",
        404,
    );
    // Waiting clients are authenticated too.
    let body = body.replace("true", "false");
    ask(client, "POST", &path, &headers, &body, 200);
    server.stop();
}

#[test]
fn full_queue_gets_an_error_in_the_products_format() {
    let site = Site::new();
    let server = site.serve_configured("[limits]\nqueue = 1\n");
    let client = server.client();
    let held = super::Held::new(b"<r/>");
    let body = json!({ "input-a": held.url("/a.xml"), "input-b": "<r/>", "async": {} }).to_string();
    let path = format!("{COMPARE}/compare");
    ask(client, "POST", &path, &AS_JSON, &body, 202);
    held.asked("/a.xml");
    ask(client, "POST", &path, &AS_JSON, &body, 202);
    let full = refused(client, "POST", &path, &AS_JSON, &body, 503);
    assert_eq!(full.header("retry-after"), "5");
    let jobs = client.get("/v1/jobs", 200).json();
    let waiting: &Value = &jobs["jobs"][0]["status"];
    assert_eq!(waiting, "queued");
    held.let_go("/a.xml");
    server.stop();
}
