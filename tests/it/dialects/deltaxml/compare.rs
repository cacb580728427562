//! XML Data Compare: documents are compared, polled and downloaded.

use serde_json::{Value, json};

use super::{
    AS_XML, COMPARE, Held, ask, ended, get, is_time, is_uuid, job_when, path_of, post, tagged, text,
};
use crate::harness::{Client, Site};

pub(super) const OLD: &[u8] = b"<r><p>The quick fox</p></r>";
pub(super) const NEW: &[u8] = b"<r><p>The slow fox</p></r>";

/// A request in XML; inputs that do not begin with a slash are URLs.
pub(super) fn request(a: &str, b: &str, more: &str) -> String {
    let kind = |at: &str| if at.starts_with('/') { "file" } else { "http" };
    let place = |at: &str| match kind(at) {
        "file" => format!("<path>{at}</path>"),
        _ => format!("<uri>{at}</uri>"),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <compare>\n    <input-a xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{}\">{}</input-a>\n    \
         <input-b xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{}\">{}</input-b>{more}</compare>",
        kind(a),
        place(a),
        kind(b),
        place(b),
    )
}

/// Submits an asynchronous comparison; returns the job's path and the reply.
pub(super) fn begin(client: Client, body: &str) -> (String, String) {
    let path = format!("{COMPARE}/compare");
    let accepted = ask(client, "POST", &path, &AS_XML, body, 202);
    assert_eq!(accepted.header("content-type"), "application/xml");
    (path_of(&accepted), text(&accepted))
}

#[test]
fn comparison_is_submitted_polled_and_downloaded_in_xml() {
    let site = Site::new();
    site.write("b.xml", NEW);
    let server = site.serve();
    let client = server.client();
    let held = Held::new(OLD);
    let (job, accepted) = begin(
        client,
        &request(&held.url("/a.xml"), "/docs/b.xml", "<async/>"),
    );
    let id = job.rsplit('/').next().expect("an id");
    assert!(is_uuid(id), "{id}");
    let expected = format!(
        "<job>
    <jobId>{id}</jobId>
    <jobStatus>QUEUED</jobStatus>
    <totalNumberOfStages>0</totalNumberOfStages>
    <currentStage>0</currentStage>
    <links>
        <link href=\"/api/xml-data-compare/v1/jobs/{id}\"/>
    </links>
</job>
"
    );
    assert_eq!(accepted, expected);

    held.asked("/a.xml");
    let is_loading = |job: &Value| job["phaseDescription"] == "Inputs Loading -'inputA'";
    let loading = job_when(client, &job, is_loading);
    let processing = get(client, &job, 200);
    assert_eq!(processing.header("retry-after"), "1");
    let processing = text(&processing);
    let started = tagged(&processing, "startTime");
    assert!(is_time(started), "{started}");
    let link = |rel: &str| {
        format!(
            "        <link>\n            <rel>{rel}</rel>\n            <href>/api/xml-data-compare/v1/jobs/{id}</href>\n        </link>\n"
        )
    };
    let expected = format!(
        "<job>
    <jobId>{id}</jobId>
    <startTime>{started}</startTime>
    <jobStatus>PROCESSING</jobStatus>
    <phaseDescription>Inputs Loading -'inputA'</phaseDescription>
    <totalNumberOfStages>4</totalNumberOfStages>
    <currentStage>1</currentStage>
    <links>
{}{}    </links>
</job>
",
        link("delete"),
        link("cancel"),
    );
    assert_eq!(processing, expected);
    let links = ["delete", "cancel"].map(|rel| json!({ "rel": rel, "href": job }));
    let expected = json!({
        "jobId": id,
        "startTime": started,
        "jobStatus": "PROCESSING",
        "phaseDescription": "Inputs Loading -'inputA'",
        "totalNumberOfStages": 4,
        "currentStage": 1,
        "link": links,
    });
    assert_eq!(loading, expected);
    let download = job.replace("/jobs/", "/downloads/");
    get(client, &download, 404);

    held.let_go("/a.xml");
    let bytes = &ended(client, &job)["output"]["size"];
    let success = text(&get(client, &job, 200));
    let finished = tagged(&success, "finishedTime");
    assert!(is_time(finished) && finished >= started, "{success}");
    let host = server.address();
    let expected = format!(
        "<job>
    <jobId>{id}</jobId>
    <startTime>{started}</startTime>
    <finishedTime>{finished}</finishedTime>
    <jobStatus>SUCCESS</jobStatus>
    <output type=\"http\">
        <size>{bytes}</size>
        <uri>http://{host}/api/xml-data-compare/v1/downloads/{id}</uri>
    </output>
    <totalNumberOfStages>4</totalNumberOfStages>
    <currentStage>4</currentStage>
    <links>
        <link>
            <rel>result</rel>
            <href>/api/xml-data-compare/v1/downloads/{id}</href>
        </link>
    </links>
</job>
"
    );
    assert_eq!(success, expected);

    let result = get(client, &download, 200);
    assert_eq!(result.header("content-type"), "application/xml");
    assert_eq!(result.body.len().to_string(), bytes.to_string());
    assert!(text(&result).contains("deltaxml:deltaV2=\"A!=B\""));
    // The native API shows the same job.
    let jobs = client.get("/v1/jobs", 200).json();
    assert_eq!(jobs["jobs"][0]["operation"], "compare");
    server.stop();
}

#[test]
fn deleted_running_comparison_is_shown_as_xml_and_json() {
    let site = Site::new();
    site.write("a.xml", OLD);
    let server = site.serve();
    let client = server.client();
    let held = Held::new(NEW);
    let body = request("/docs/a.xml", &held.url("/b.xml"), "<async></async>");
    for media in ["application/xml", "application/json"] {
        let (job, _) = begin(client, &body);
        let is_loading = |job: &Value| job["phaseDescription"] == "Inputs Loading -'inputB'";
        let loading = job_when(client, &job, is_loading);
        let deleted = ask(client, "DELETE", &job, &[("accept", media)], "", 200);
        assert_eq!(deleted.header("content-type"), media);
        let (id, started) = (&loading["jobId"], &loading["startTime"]);
        if media == "application/json" {
            let expected = json!({
                "jobId": id,
                "startTime": started,
                "jobStatus": "DELETED",
                "phaseDescription": "Inputs Loading -'inputB'",
                "totalNumberOfStages": 4,
                "currentStage": 2,
                "link": []
            });
            assert_eq!(deleted.json(), expected);
        } else {
            let expected = format!(
                "<job>
    <jobId>{}</jobId>
    <startTime>{}</startTime>
    <jobStatus>DELETED</jobStatus>
    <phaseDescription>Inputs Loading -'inputB'</phaseDescription>
    <totalNumberOfStages>4</totalNumberOfStages>
    <currentStage>2</currentStage>
    <links/>
</job>
",
                id.as_str().expect("text"),
                started.as_str().expect("text"),
            );
            assert_eq!(text(&deleted), expected);
        }
        let gone = ask(client, "GET", &job, &[("accept", media)], "", 404);
        assert_eq!(gone.header("content-type"), media);
        ask(client, "DELETE", &job, &[], "", 404);
        get(client, &job.replace("/jobs/", "/downloads/"), 404);
    }
    held.let_go("/b.xml");
    server.stop();
}

#[test]
fn deleted_finished_job_is_returned_as_it_was() {
    let site = Site::new();
    site.write("a.xml", OLD);
    site.write("b.xml", NEW);
    let server = site.serve();
    let client = server.client();
    let body = json!({
        "input-a": { "type": "file", "path": "/docs/a.xml" },
        "input-b": { "type": "file", "path": "/docs/b.xml" },
        "async": {},
    });
    let path = format!("{COMPARE}/compare");
    let accepted = post(client, &path, &body, 202);
    let job = path_of(&accepted);
    let id = job.rsplit('/').next().expect("an id");
    let expected = json!({
        "jobId": id,
        "jobStatus": "QUEUED",
        "totalNumberOfStages": 0,
        "currentStage": 0,
        "link": [{ "href": job }]
    });
    assert_eq!(accepted.json(), expected);
    let success = ended(client, &job);
    let headers = [("accept", "application/json")];
    let deleted = ask(client, "DELETE", &job, &headers, "", 200).json();
    let expected = json!({
        "jobId": id,
        "startTime": success["startTime"],
        "finishedTime": success["finishedTime"],
        "jobStatus": "DELETED",
        "totalNumberOfStages": 4,
        "currentStage": 4,
        "link": []
    });
    assert_eq!(deleted, expected);
    let order: Vec<_> = deleted.as_object().expect("an object").keys().collect();
    let expected: Vec<_> = expected.as_object().expect("an object").keys().collect();
    assert_eq!(order, expected);
    server.stop();
}
