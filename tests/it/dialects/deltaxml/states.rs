//! A job through all its states, compared with the native API.

use serde_json::{Value, json};

use super::compare::{NEW, OLD, begin, request};
use super::{COMPARE, Held, ask, ended, get, job_when, text};
use crate::harness::{Client, Site};

#[test]
fn job_matches_its_native_representation() {
    let site = Site::new();
    site.write("a.xml", OLD);
    let server = site.serve();
    let client = server.client();
    let held = Held::new(NEW);
    let params = json!({ "a": "/docs/a.xml", "b": held.url("/b.xml") });
    let native = client.post("/v1/operations/compare", &params, 202).json();
    let waiting = client.post("/v1/operations/compare", &params, 202).json();
    let path = |job: &Value| {
        let id: cloakroom::job::JobId = job["id"].as_str().expect("an id").parse().expect("an id");
        format!("{COMPARE}/jobs/{}", id.to_uuid())
    };
    held.asked("/b.xml");
    let running = job_when(client, &path(&native), |job| job["currentStage"] == 2);
    assert_eq!(running["jobStatus"], "PROCESSING");
    // One job at a time.
    let queued = text(&get(client, &path(&waiting), 200));
    let uuid = path(&waiting).rsplit('/').next().expect("an id").to_owned();
    let link = |rel: &str| {
        format!(
            "        <link>\n            <rel>{rel}</rel>\n            <href>{COMPARE}/jobs/{uuid}</href>\n        </link>\n"
        )
    };
    let expected = format!(
        "<job>
    <jobId>{uuid}</jobId>
    <jobStatus>QUEUED</jobStatus>
    <totalNumberOfStages>0</totalNumberOfStages>
    <currentStage>0</currentStage>
    <links>
{}{}    </links>
</job>
",
        link("delete"),
        link("cancel"),
    );
    assert_eq!(queued, expected);
    client.canceled(waiting["id"].as_str().expect("an id"));
    let canceled = ended(client, &path(&waiting));
    assert_eq!(canceled["jobStatus"], "CANCELLED");
    assert_eq!(
        (&canceled["startTime"], &canceled["link"]),
        (&Value::Null, &json!([]))
    );
    held.let_go("/b.xml");
    assert_eq!(ended(client, &path(&native))["jobStatus"], "SUCCESS");
    // A job of another operation has all fields of a comparison.
    let zip = client.ended(&client.zip("/docs/a.xml"));
    assert_eq!(ended(client, &path(&zip))["jobStatus"], "SUCCESS");
    server.stop();
}

#[test]
fn all_states_and_phases_are_reported() {
    let site = Site::new();
    // Each phase lasts long enough to be polled: rows to compare, and much to store.
    let document = |word: &str| {
        let rows: Vec<_> = (0..300)
            .map(|n| format!("<row n='{n}'><a>{word} {}</a><b>same</b></row>", n % 7))
            .collect();
        format!(
            "<r>{}<long>{}</long></r>",
            rows.concat(),
            "x".repeat(4 << 20)
        )
    };
    site.write("b.xml", document("new").as_bytes());
    let server = site.serve();
    let client = server.client();
    let old: &'static [u8] = Box::leak(document("old").into_bytes().into_boxed_slice());
    let held = Held::new(old);
    let expected = [
        "\"PROCESSING\" \"Inputs Loading -'inputA'\" 1",
        "\"PROCESSING\" \"Inputs Loading -'inputB'\" 2",
        "\"PROCESSING\" \"Comparison in progress\" 3",
        "\"SAVING\" \"Output processing in progress\" 4",
        "\"SUCCESS\" null 4",
    ];
    // On a busy machine a phase may be missed, but not repeatedly.
    let seen = (0..10).map(|n| {
        let path = format!("/{n}.xml");
        let (job, _) = begin(
            client,
            &request(&held.url(&path), "/docs/b.xml", "<async/>"),
        );
        held.asked(&path);
        job_when(client, &job, |job| job["currentStage"] == 1);
        held.let_go(&path);
        let seen = passed_through(client, &job);
        let mut rest = expected.iter();
        let is_in_order = seen.iter().all(|now| rest.any(|next| next == now));
        assert!(is_in_order, "{seen:?}");
        seen
    });
    let seen: Vec<_> = seen.take_while(|seen| *seen != expected).collect();
    assert!(seen.len() < 10, "{seen:?}");
    server.stop();
}

/// The states that are polled from now until the end.
fn passed_through(client: Client, job: &str) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let headers = [("accept", "application/json")];
        let shown = ask(client, "GET", job, &headers, "", 200).json();
        let now = ["jobStatus", "phaseDescription", "currentStage"];
        let now = now.map(|name| shown[name].to_string()).join(" ");
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        if shown["finishedTime"].is_string() {
            return seen;
        }
    }
}
