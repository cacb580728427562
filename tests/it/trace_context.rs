//! W3C Trace Context from a submission to everything that the job calls.

use serde_json::json;

use crate::harness::{Client, Site, wait_for};
use crate::origin::{Ask, Origin, reply};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const STATE: &str = "vendor=1,other=2";

/// The command prints what it finds in its environment.
const ENVIRONMENT: &str = "[operations.env]\n\
    command = ['sh', '-c', 'echo \"$TRACEPARENT|$(printenv TRACESTATE || echo unset)\"']\n\
    [operations.cat]\ncommand = ['cat', '{input.source}']\ninputs = { source = {} }\n\
    [callbacks]\nschedule = ['100ms', '100ms']\n";

fn submit(
    client: Client,
    path: &str,
    headers: &[(&str, &str)],
    body: &serde_json::Value,
) -> String {
    let headers = [headers, &[("content-type", "application/json")]].concat();
    let job = client.ask("POST", path, &headers, body.to_string().as_bytes(), 202);
    job.json()["id"].as_str().expect("an id").to_owned()
}

/// What the command of a job has found.
fn environment(client: Client, id: &str) -> String {
    let job = client.ended(id);
    assert_eq!(job["status"], "succeeded", "{job}");
    let result = client.get(&format!("/v1/downloads/{id}"), 200).body;
    String::from_utf8(result).expect("text").trim().to_owned()
}

fn trace(ask: &Ask) -> (&str, &str) {
    (ask.header("traceparent"), ask.header("tracestate"))
}

#[test]
fn command_gets_the_trace_of_its_submission() {
    let site = Site::new();
    let server = site.serve_configured(ENVIRONMENT);
    let client = server.client();
    let found = |headers: &[(&str, &str)]| {
        let id = submit(client, "/v1/operations/env", headers, &json!({}));
        environment(client, &id)
    };
    let both = [("traceparent", PARENT), ("tracestate", STATE)];
    assert_eq!(found(&both), format!("{PARENT}|{STATE}"));
    assert_eq!(found(&both[..1]), format!("{PARENT}|unset"));
    assert_eq!(found(&[]), "|unset");
    // Without a valid traceparent, the job has no trace.
    assert_eq!(found(&both[1..]), "|unset");
    assert_eq!(
        found(&[("traceparent", "00-0-0-0"), ("tracestate", STATE)]),
        "|unset"
    );
    assert_eq!(found(&[both[0], ("traceparent", OTHER)]), "|unset");
    // An invalid tracestate does not invalidate the traceparent.
    assert_eq!(
        found(&[both[0], ("tracestate", "no entry")]),
        format!("{PARENT}|unset")
    );
    let states = [
        both[0],
        ("tracestate", "vendor=1"),
        ("tracestate", "other=2"),
    ];
    assert_eq!(found(&states), format!("{PARENT}|{STATE}"));
    server.stop();
}

#[test]
fn trace_is_kept_over_a_restart_and_a_retry() {
    let site = Site::new();
    let server = site.serve_configured(ENVIRONMENT);
    let headers = [("traceparent", PARENT), ("tracestate", STATE)];
    let id = submit(server.client(), "/v1/operations/env", &headers, &json!({}));
    server.client().ended(&id);
    server.kill();
    let server = site.serve_configured(ENVIRONMENT);
    let client = server.client();
    let retry = format!("/v1/jobs/{id}/retry");
    let again = submit(client, &retry, &[], &json!({}));
    assert_eq!(environment(client, &again), format!("{PARENT}|{STATE}"));
    let again = submit(client, &retry, &[("traceparent", OTHER)], &json!({}));
    assert_eq!(environment(client, &again), format!("{OTHER}|unset"));
    server.stop();
}

#[test]
fn repeated_submission_may_have_another_trace() {
    let site = Site::new();
    let server = site.serve_configured(ENVIRONMENT);
    let client = server.client();
    let submit = |parent: &str| {
        let headers = [("idempotency-key", "a"), ("traceparent", parent)];
        submit(client, "/v1/operations/env", &headers, &json!({}))
    };
    assert_eq!(submit(PARENT), submit(OTHER));
    server.stop();
}

#[test]
fn outgoing_requests_have_the_trace() {
    let site = Site::new();
    let server = site.serve_configured(ENVIRONMENT);
    let client = server.client();
    let origin = Origin::new(|ask, stream| {
        let answer = match ask.path.as_str() {
            "/moved" => reply("302 Found", "location: /document\r\n", b""),
            _ => reply("200 OK", "", b"hello"),
        };
        crate::origin::write(stream, &answer);
    });
    let headers = [("traceparent", PARENT), ("tracestate", STATE)];
    let fetch = submit(
        client,
        "/v1/operations/fetch",
        &headers,
        &json!({ "uri": origin.url("/moved") }),
    );
    client.ended(&fetch);
    let cat = submit(
        client,
        &format!("/v1/operations/cat?callback={}", origin.url("/get")),
        &headers,
        &json!({ "source": { "type": "http", "uri": origin.url("/document") } }),
    );
    assert_eq!(environment(client, &cat), "hello");
    let path = format!(
        "/v1/operations/env?callback-method=POST&callback={}",
        origin.url("/post")
    );
    submit(client, &path, &headers, &json!({}));
    wait_for("five requests", || {
        (origin.asked().len() == 5).then_some(())
    });
    for ask in origin.asked() {
        assert_eq!(trace(&ask), (PARENT, STATE), "{ask:?}");
    }

    let untraced = submit(client, &path, &[], &json!({}));
    client.ended(&untraced);
    wait_for("another request", || {
        (origin.asked().len() == 6).then_some(())
    });
    assert_eq!(trace(&origin.asked()[5]), ("", ""));
    server.stop();
}

#[test]
fn dialects_take_the_trace_of_a_submission() {
    let site = Site::new();
    let server = site.serve_configured(&format!(
        "{ENVIRONMENT}[[route]]\noperation = 'fetch'\nsubmit = '/get'\nstatus = '/get/{{id}}'\nresult = '/got/{{id}}'\n"
    ));
    let client = server.client();
    let origin = Origin::saying(reply(
        "200 OK",
        "content-type: application/xml\r\n",
        b"<r/>",
    ));
    let url = origin.url("/x.xml");
    let ask = |path: &str, body: serde_json::Value, expected: u16| {
        let headers = [
            ("traceparent", PARENT),
            ("tracestate", STATE),
            ("content-type", "application/json"),
            ("prefer", "respond-async"),
        ];
        let body = body.to_string();
        client.ask("POST", path, &headers, body.as_bytes(), expected);
    };
    let upload = json!({ "@microsoft.graph.sourceUrl": url, "name": "x.xml", "file": {} });
    ask("/drive/root:/docs:/children", upload, 202);
    ask("/get", json!({ "uri": url }), 202);
    let compare = "/api/xml-data-compare/v1/compare";
    ask(compare, json!({ "input-a": url, "input-b": url }), 200);
    ask(
        compare,
        json!({ "input-a": url, "input-b": url, "async": {} }),
        202,
    );
    wait_for("six requests", || (origin.asked().len() == 6).then_some(()));
    for ask in origin.asked() {
        assert_eq!(trace(&ask), (PARENT, STATE), "{ask:?}");
    }
    server.stop();
}
