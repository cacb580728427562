//! `jobs`: pages, times and owners.

use serde_json::{Value, json};

use super::{code, said};
use crate::harness::Site;
use crate::origin::{Origin, reply, write};

fn list(site: &Site, arguments: &[&str]) -> Value {
    let arguments = [&["jobs", "--json"], arguments].concat();
    serde_json::from_str(&said(site, &arguments)).expect("one JSON document")
}

fn ids(list: &Value) -> Vec<&str> {
    let jobs = list["jobs"].as_array().expect("a list").iter();
    jobs.map(|job| job["id"].as_str().expect("an ID")).collect()
}

#[test]
fn list_continues_after_the_value_of_next() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let mut submitted: Vec<_> = (0..5)
        .map(|_| said(&site, &["submit", "-q", "zip", "path=/docs/a"]))
        .collect();
    submitted.reverse();
    let submitted: Vec<_> = submitted.iter().map(|id| id.trim()).collect();
    let first = list(&site, &["--limit", "2"]);
    assert_eq!(ids(&first), submitted[..2]);
    let next = first["next"].as_str().expect("there are more");
    let second = list(&site, &["--limit", "100000", "--after", next]);
    assert_eq!(ids(&second), submitted[2..]);
    assert_eq!(second["next"], Value::Null);
    assert_eq!(ids(&list(&site, &["--all"])), submitted);
    let none = list(&site, &["--all", "--status", "canceled"]);
    assert_eq!(none, json!({ "jobs": [], "next": null }));
    let table = said(&site, &["jobs", "--limit", "1"]);
    assert!(table.contains("s ago") || table.contains("now"), "{table}");
    for wrong in [&["--limit", "0"][..], &["--all", "--limit", "3"]] {
        assert_eq!(code(&site, &[&["jobs"], wrong].concat()), Some(2));
    }
    server.stop();
}

#[test]
fn all_pages_of_a_list_are_fetched() {
    let origin = Origin::new(|ask, stream| {
        let page = if ask.path.contains("after=9") {
            json!({ "jobs": [{ "id": "C" }], "next": null })
        } else {
            json!({ "jobs": [{ "id": "A" }, { "id": "B" }], "next": "9" })
        };
        let more = if ask.path.contains("limit=1&") || ask.path.contains("limit=1000") {
            page
        } else {
            json!({ "jobs": [], "next": null, "unexpected": ask.path })
        };
        write(stream, &reply("200 OK", "", more.to_string().as_bytes()));
    });
    let site = Site::new();
    let url = origin.url("");
    let all = list(&site, &["--url", &url, "--all"]);
    assert_eq!(all["next"], Value::Null);
    assert_eq!(ids(&all), ["A", "B", "C"]);
    let limited = list(&site, &["--url", &url, "--limit", "5000"]);
    assert_eq!(ids(&limited), ["A", "B", "C"]);
    let table = said(&site, &["jobs", "--url", &url, "--all"]);
    assert_eq!(table.lines().count(), 4, "{table}");
}

#[test]
fn owner_is_a_column_if_a_listed_job_has_one() {
    let origin = Origin::new(|ask, stream| {
        let page = if ask.path.contains("operation=zip") {
            json!({ "jobs": [{ "id": "A" }], "next": null })
        } else {
            json!({ "jobs": [{ "id": "A", "token": "anna" }, { "id": "B" }], "next": null })
        };
        write(stream, &reply("200 OK", "", page.to_string().as_bytes()));
    });
    let site = Site::new();
    let url = origin.url("");
    let rows_of = |arguments: &[&str]| {
        let table = said(&site, &[&["jobs", "--url", &url], arguments].concat());
        let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        let rows: Vec<Vec<_>> = table.lines().map(columns).collect();
        rows
    };
    let rows = rows_of(&[]);
    assert_eq!(rows[0][4..], ["CREATED", "OWNER", "DETAIL"]);
    assert_eq!(rows[1..], [vec!["A", "anna"], vec!["B"]]);
    let rows = rows_of(&["--operation", "zip"]);
    assert_eq!(rows[0][4..], ["CREATED", "DETAIL"]);
}
