//! The documented exchanges.

use std::collections::HashMap;
use std::fs::OpenOptions;

use serde_json::json;

use crate::harness::{Reply, Site, wait_for};
use crate::hostile_trees::make_fifo;

/// The route of the exchange below.
const REPORT: &str = r#"
[[route]]
operation = "report"
submit = "/start-report"
status = "/report-status/{id}"
result = "/reports/report-{id}.pdf"

[route.words]
queued = "in_progress"
running = "in_progress"
succeeded = "completed"
result = "download_link"
"#;

/// The whole reply except its time and id.
fn whole(reply: &Reply) -> (u16, HashMap<&str, &str>, &str) {
    let headers = reply.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
    let body = str::from_utf8(&reply.body).expect("text");
    (
        reply.status,
        headers
            .filter(|(name, _)| !["date", "x-request-id"].contains(name))
            .collect(),
        body,
    )
}

#[test]
fn report_is_submitted_polled_and_downloaded() {
    let site = Site::new();
    let gate = site.path().join("gate");
    make_fifo(&gate);
    let settings = format!(
        "[operations.report]\n\
         command = ['sh', '-c', 'cat \"$0\"; printf \"%%PDF %s\" \"$1\"', '{}', '{{month}}']\n\
         output = {{ media-type = 'application/pdf', filename = 'report.pdf' }}\n\
         params.month = {{ type = 'string', default = '2016-02' }}\n{REPORT}",
        gate.display()
    );
    let server = site.serve_configured(&settings);
    let client = server.client();
    let started = client.ask("POST", "/start-report", &[], b"", 202);
    let common = [("connection", "close"), ("cache-control", "no-store")];
    let expected = [
        ("location", "/report-status/1"),
        ("retry-after", "1"),
        ("content-length", "0"),
    ];
    let headers: HashMap<_, _> = common.into_iter().chain(expected).collect();
    assert_eq!(whole(&started), (202, headers, ""));

    let status = "/report-status/1";
    let running = client.get(status, 200);
    let json = ("content-type", "application/json");
    let expected = [json, ("retry-after", "1"), ("content-length", "24")];
    let headers: HashMap<_, _> = common.into_iter().chain(expected).collect();
    let body = r#"{"status":"in_progress"}"#;
    assert_eq!(whole(&running), (200, headers, body));
    let early = client.get("/reports/report-1.pdf", 404);
    assert_eq!(early.json()["code"], "result_not_ready");
    assert_eq!(early.header("retry-after"), "1");

    // A reader of the FIFO waits until the report operation opens it too.
    drop(OpenOptions::new().write(true).open(&gate).expect("a gate"));
    let done = wait_for("the report", || {
        let reply = client.get(status, 200);
        (reply.body != running.body).then_some(reply)
    });
    let expected = [json, ("content-length", "62")];
    let headers: HashMap<_, _> = common.into_iter().chain(expected).collect();
    let body = r#"{"status":"completed","download_link":"/reports/report-1.pdf"}"#;
    assert_eq!(whole(&done), (200, headers, body));
    let report = client.get("/reports/report-1.pdf", 200);
    assert_eq!(report.body, b"%PDF 2016-02");
    assert_eq!(report.header("content-type"), "application/pdf");
    let name = "attachment; filename=\"report.pdf\"; filename*=UTF-8''report.pdf";
    assert_eq!(report.header("content-disposition"), name);
    let range = [("range", "bytes=1-3")];
    let part = client.ask("GET", "/reports/report-1.pdf", &range, b"", 206);
    assert_eq!(part.body, b"PDF");
    // It is an ordinary job as well.
    let jobs = client.get("/v1/jobs", 200).json();
    assert_eq!(jobs["jobs"][0]["operation"], "report");
    server.stop();
}

#[test]
fn video_job_number_may_stand_inside_a_segment() {
    let site = Site::new();
    let server = site.serve_configured(
        r#"
[operations.convert]
command = ["cat", "{input.source}"]
output = { media-type = "video/mp4", filename = "{input.source.stem}.mp4" }
inputs.source = { media-types = ["video/*"], required = true }

[[route]]
operation = "convert"
submit = "/convert-video"
status = "/status/convert-{id}"
result = "/videos/converted-{id}.mp4"
words = { queued = "processing", running = "processing", succeeded = "done", result = "result_url" }
"#,
    );
    let client = server.client();
    // As the body, and as a part of a form.
    let form = "--b\r\ncontent-disposition: form-data; name=\"source\"; filename=\"a.mov\"\r\n\r\nframes\r\n--b--\r\n";
    let forms = "multipart/form-data; boundary=b";
    for (number, kind, body) in [(1, "video/quicktime", "frames"), (2, forms, form)] {
        let headers = [("content-type", kind)];
        let begun = client.ask("POST", "/convert-video", &headers, body.as_bytes(), 202);
        let status = format!("/status/convert-{number}");
        assert_eq!(begun.header("location"), status);
        let done = wait_for("the video", || {
            let job = client.get(&status, 200).json();
            (job != json!({ "status": "processing" })).then_some(job)
        });
        let result = format!("/videos/converted-{number}.mp4");
        assert_eq!(done, json!({ "status": "done", "result_url": result }));
        let video = client.get(&result, 200);
        assert_eq!(video.body, b"frames");
        assert_eq!(video.header("content-type"), "video/mp4");
    }
    client.ask("POST", "/convert-video", &[], b"", 422);
    server.stop();
}
