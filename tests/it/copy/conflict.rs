//! Existing targets.

use std::fs;

use serde_json::{Value, json};

use super::{copied, names, refused};
use crate::harness::Site;

/// A site with a file and a folder to copy, and an existing file and folder as targets.
fn site() -> Site {
    let site = Site::new();
    site.write("file", b"new");
    site.write("folder/new", b"new");
    site.write("taken.txt", b"old");
    site.write("taken.d/old/old", b"old");
    site
}

fn params(from: &str, to: &str, conflict: &str) -> Value {
    json!({ "from": format!("/docs/{from}"), "to": format!("/docs/{to}"), "conflict": conflict })
}

#[test]
fn existing_target_fails_the_copy() {
    let site = site();
    let server = site.serve();
    let client = server.client();
    let before = names(&site.docs());
    for (from, to) in [
        ("file", "taken.txt"),
        ("file", "taken.d"),
        ("folder", "taken.txt"),
        ("folder", "taken.d"),
        ("folder", "folder"),
    ] {
        let (code, message) = refused(&client, &params(from, to, "fail"));
        assert_eq!(code, "name_exists", "{message}");
        assert!(message.contains(&format!("/docs/{to}")), "{message}");
        let without = json!({ "from": format!("/docs/{from}"), "to": format!("/docs/{to}") });
        assert_eq!(refused(&client, &without).0, "name_exists");
    }
    assert_eq!(names(&site.docs()), before);
    server.stop();
}

#[test]
fn rename_uses_the_lowest_free_number() {
    let site = site();
    site.write("taken (2).txt", b"old");
    let server = site.serve();
    let client = server.client();
    let check = |from: &str, to: &str, expected: &str| {
        let report = copied(&client, &params(from, to, "rename"));
        assert_eq!(report["path"], format!("/docs/{expected}"), "{report}");
        assert!(site.docs().join(expected).exists());
    };
    check("file", "free.txt", "free.txt");
    check("file", "taken.txt", "taken (1).txt");
    check("file", "taken.txt", "taken (3).txt");
    check("file", "taken.d", "taken (1).d");
    check("folder", "taken.d", "taken.d (1)");
    check("folder", "taken.d", "taken.d (2)");
    check("folder", "folder", "folder (1)");
    let old = |name: &str| fs::read(site.docs().join(name)).expect("a file");
    assert_eq!(old("taken.txt"), b"old");
    assert_eq!(old("taken (2).txt"), b"old");
    assert_eq!(old("taken.d/old/old"), b"old");
    server.stop();
}

#[test]
fn replace_works_between_files_folders_and_links() {
    let site = site();
    site.write("taken.d/more/a", b"old");
    #[cfg(unix)]
    std::os::unix::fs::symlink("taken.txt", site.docs().join("link")).expect("a link");
    let server = site.serve();
    let client = server.client();
    let check = |from: &str, to: &str| {
        let report = copied(&client, &params(from, to, "replace"));
        assert_eq!(report["path"], format!("/docs/{to}"), "{report}");
        let to = site.docs().join(to);
        assert!(!to.is_symlink());
        if from == "file" {
            assert_eq!(fs::read(to).expect("a file"), b"new");
        } else {
            assert_eq!(names(&to), ["new"]);
        }
    };
    #[cfg(unix)]
    {
        check("file", "link");
        assert_eq!(
            fs::read(site.docs().join("taken.txt")).expect("a file"),
            b"old"
        );
        fs::remove_file(site.docs().join("link")).expect("it is there");
    }
    check("file", "taken.txt");
    check("folder", "taken.d");
    check("folder", "taken.txt");
    check("file", "taken.d");
    check("folder", "free");
    assert_eq!(
        names(&site.docs()),
        ["file", "folder", "free", "taken.d", "taken.txt"]
    );
    server.stop();
}

#[test]
fn folder_containing_a_root_or_the_data_is_never_replaced() {
    let site = site();
    let mut command = site.command();
    // `all` contains `docs` and the data folder.
    let above = site.path().parent().expect("a folder");
    command
        .arg("--root")
        .arg(format!("all={}", above.display()));
    let server = site.serve_with(command);
    let client = server.client();
    let name = site.path().file_name().expect("a name").to_string_lossy();
    for to in [
        format!("/all/{name}"),
        format!("/all/{name}/docs"),
        format!("/all/{name}/data"),
        format!("/all/{name}/data/cloakroom.db"),
    ] {
        let params = json!({ "from": "/docs/file", "to": to, "conflict": "replace" });
        let reply = client.try_ask(
            "POST",
            "/v1/operations/copy",
            &[("content-type", "application/json")],
            params.to_string().as_bytes(),
        );
        let reply = reply.expect("a reply");
        if reply.status == 422 {
            // The target contains the source as well.
            continue;
        }
        let job = client.ended(reply.json()["id"].as_str().expect("an id"));
        assert_eq!(job["status"], "failed", "{to}: {job}");
    }
    assert!(site.data().join("cloakroom.db").is_file());
    assert_eq!(
        names(&site.docs()),
        ["file", "folder", "taken.d", "taken.txt"]
    );
    server.stop();
}
