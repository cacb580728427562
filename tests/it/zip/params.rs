//! Params of zip jobs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{files_below, files_in, names_in, zip_ended, zipped};
use crate::harness::{Site, incompressible};

#[test]
fn several_paths_are_archived_under_distinct_names() {
    let site = Site::new();
    for (path, bytes) in [
        ("a/x.txt", "1"),
        ("b/x.txt", "2"),
        ("c/deep/y", "3"),
        ("d/c", "4"),
    ] {
        site.write(path, bytes.as_bytes());
    }
    let server = site.serve();
    let paths = ["a/x.txt", "b/x.txt", "c", "d/c", "a/x.txt"].map(|path| format!("/docs/{path}"));
    let (job, archive) = zipped(&server.client(), &json!({ "path": paths }));
    assert_eq!(job["output"]["filename"], "archive.zip");
    let expected = [
        ("x.txt", "1"),
        ("x (1).txt", "2"),
        ("c/deep/y", "3"),
        ("c (1)", "4"),
        ("x (2).txt", "1"),
    ];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    assert_eq!(files_in(&archive), BTreeMap::from(expected));
    let missing = json!({ "path": ["/docs/a", "/docs/nothing"] });
    let job = zip_ended(&server.client(), &missing);
    assert_eq!(job["error"]["code"], "source_not_found");
    server.stop();
}

#[test]
fn archive_has_the_requested_name() {
    let site = Site::new();
    site.write("folder/a", b"a");
    let server = site.serve();
    let check = |params: Value, expected: &str| {
        let (job, _) = zipped(&server.client(), &params);
        assert_eq!(job["output"]["filename"], expected, "{params}");
    };
    check(json!({ "path": "/docs/folder" }), "folder.zip");
    check(json!({ "path": "/docs" }), "docs.zip");
    check(json!({ "path": ["/docs/folder"] }), "archive.zip");
    check(
        json!({ "path": "/docs", "name": "Sicherung ä" }),
        "Sicherung ä.zip",
    );
    check(json!({ "path": "/docs", "name": "x.Zip" }), "x.Zip");
    let long = "ä".repeat(127);
    site.write(&long, b"x");
    let shortened = format!("{}.zip", "ä".repeat(125));
    check(json!({ "path": format!("/docs/{long}") }), &shortened);
    server.stop();
}

#[test]
fn every_error_has_a_pointer() {
    let site = Site::new();
    let server = site.serve();
    let check = |params: Value, expected: &[&str]| {
        let problem = server.client().post("/v1/operations/zip", &params, 422);
        let problem = problem.json();
        let errors = problem["errors"].as_array().expect("errors");
        let pointers: Vec<_> = errors.iter().map(|error| &error["pointer"]).collect();
        assert_eq!(pointers, expected, "{params}: {problem}");
    };
    check(json!({ "path": "/etc" }), &["#/path"]);
    check(
        json!({ "path": ["/docs", "/etc", "/docs", "x"] }),
        &["#/path/1", "#/path/3"],
    );
    check(json!({ "path": [] }), &["#/path"]);
    check(json!({ "path": vec!["/docs"; 1001] }), &["#/path"]);
    check(json!({ "path": "/docs", "level": 10 }), &["#/level"]);
    check(json!({ "path": "/docs", "colour": 1 }), &["#/colour"]);
    for name in ["", "a/b", "a\nb", "..", "a\\b", &"ä".repeat(126)] {
        check(json!({ "path": "/docs", "name": name }), &["#/name"]);
    }
    check(
        json!({ "path": "/docs", "exclude": ["*.o", "{a"] }),
        &["#/exclude/1"],
    );
    check(
        json!({ "path": "/x", "name": "/", "exclude": ["["] }),
        &["#/path", "#/name", "#/exclude/0"],
    );
    server.stop();
}

#[test]
fn schema_marks_path_params() {
    let site = Site::new();
    let server = site.serve();
    let zip = server.client().get("/v1/operations/zip", 200).json();
    let path = &zip["params"]["properties"]["path"]["anyOf"];
    assert_eq!(path[0]["format"], "path", "{path}");
    assert_eq!(path[1]["items"]["format"], "path", "{path}");
    assert_eq!(path[1]["maxItems"], 1000, "{path}");
    server.stop();
}

#[test]
fn level_0_stores_and_level_9_compresses_most() {
    let site = Site::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let text = files_below(&sources, "src").into_values().flatten();
    let text: Vec<u8> = text.collect();
    site.write("folder/text", &text);
    site.write("folder/noise", &incompressible(700_000));
    let server = site.serve();
    let sizes = [0, 1, 6, 9].map(|level| {
        let params = json!({ "path": "/docs/folder", "level": level });
        let (_, archive) = zipped(&server.client(), &params);
        let files = files_in(&archive);
        assert!(files["folder/text"] == text, "level {level}");
        assert!(
            files["folder/noise"] == incompressible(700_000),
            "level {level}"
        );
        archive.len()
    });
    assert!(sizes[0] > text.len() + 700_000, "{sizes:?}");
    assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");
    // Random bytes cost a few bytes per block, not more.
    assert!(sizes[3] < text.len() / 2 + 701_000, "{sizes:?}");
    server.stop();
}

#[test]
fn excluded_folder_is_left_out_with_its_contents() {
    let site = Site::new();
    for path in [
        "a.o",
        "a.c",
        "target/deep/b.c",
        "sub/target/c.c",
        "sub/d.o",
        "gen/e.c",
        "sub/gen/f.c",
    ] {
        site.write(&format!("folder/{path}"), b"x");
    }
    let server = site.serve();
    let params = json!({ "path": "/docs/folder", "exclude": ["*.o", "target", "/gen/*.c"] });
    let (job, archive) = zipped(&server.client(), &params);
    let expected =
        ["", "a.c", "gen/", "sub/", "sub/gen/", "sub/gen/f.c"].map(|path| format!("folder/{path}"));
    assert_eq!(names_in(&archive), expected);
    assert_eq!(job["stage"]["total"], 6, "{job}");
    server.stop();
}
