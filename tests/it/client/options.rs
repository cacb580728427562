//! Options of a submission as flags, and JSON output.

use serde_json::Value;

use super::{cloakroom, code, said, words};
use crate::harness::Site;
use crate::origin::{Origin, reply};

fn json(site: &Site, arguments: &[&str]) -> Value {
    serde_json::from_str(&said(site, arguments)).expect("one JSON document")
}

#[test]
fn options_of_a_submission_are_flags() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let receiver = Origin::saying(reply("200 OK", "", b""));
    let callback = receiver.url("/done?x=1&y");
    let zip = ["submit", "-q", "--wait", "--json", "zip", "path=/docs/a"];
    let with = |options: &[&str]| json(&site, &[&zip[..], options].concat());

    let job = with(&["--callback", &callback, "--callback-method", "post"]);
    assert_eq!(job["callback"]["url"], callback, "{job}");
    assert_eq!(job["status"], "succeeded", "{job}");
    let job = with(&["--output", "/docs/a b.zip"]);
    assert_eq!(job["output"]["path"], "/docs/a b.zip", "{job}");
    assert!(site.docs().join("a b.zip").exists());
    let job = with(&["--keep", "false"]);
    let id = job["id"].as_str().expect("an ID");
    let get = ["get", "-q", "-o", "-", id];
    assert_eq!(code(&site, &get), Some(0));
    assert_eq!(code(&site, &get), Some(1), "the result is gone");

    let url = format!("http://{}", server.address());
    let run = ["run", "-q", "--url", &url, "zip", "path=/docs/a", "-o", "-"];
    let keep = [&run[..], &["--keep", "false", "--callback", &callback]].concat();
    assert_eq!(code(&site, &keep), Some(0));
    let newest = &json(&site, &["jobs", "--json", "--limit", "1"])["jobs"][0];
    assert_eq!(newest["callback"]["url"], callback, "{newest}");

    for wrong in [
        &["submit", "zip", "path=/docs/a", "--keep", "maybe"][..],
        &["submit", "zip", "path=/docs/a", "--callback-method", "GET"],
        &["submit", "zip", "path=/docs/a", "--output", "/nowhere/x"],
        &["run", "zip", "path=a", "--keep", "false"],
    ] {
        assert_eq!(code(&site, wrong), Some(2), "{wrong:?}");
    }
    server.stop();
}

#[test]
fn submit_can_wait_for_the_job() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let output = cloakroom(&site, &["submit", "--wait", "zip", "path=/docs/a"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let id = String::from_utf8(output.stdout.clone()).expect("text");
    let id = id.trim();
    let text = words(&output);
    assert!(
        text.contains(&format!("job {id} succeeded: a.zip")),
        "{text}"
    );
    assert!(said(&site, &["status", id]).contains("succeeded"));
    let failed = cloakroom(&site, &["submit", "--wait", "zip", "path=/docs/missing"]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    server.stop();
}

#[test]
fn commands_about_a_job_print_it_as_json() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve_configured("[operations.long]\ncommand = ['sleep', '60']\n");
    let job = json(&site, &["submit", "-q", "--json", "zip", "path=/docs/a"]);
    let id = job["id"].as_str().expect("an ID");
    let waited = json(&site, &["wait", "-q", "--json", id]);
    assert_eq!(waited["status"], "succeeded");
    assert_eq!(json(&site, &["status", "--json", id]), waited);
    let again = json(&site, &["retry", "--json", id]);
    assert_ne!(again["id"], job["id"]);
    let deleted = json(&site, &["delete", "--json", id]);
    assert_eq!(
        (&deleted["id"], &deleted["status"]),
        (&job["id"], &"deleted".into())
    );
    let long = json(&site, &["submit", "-q", "--json", "long"]);
    let long = long["id"].as_str().expect("an ID");
    assert_eq!(json(&site, &["cancel", "--json", long])["id"], long);
    let failed = cloakroom(&site, &["wait", "-q", "--json", long]);
    assert_eq!(failed.status.code(), Some(1));
    let job: Value = serde_json::from_slice(&failed.stdout).expect("JSON");
    assert_eq!(job["status"], "canceled");
    server.stop();
}
