//! Copies while files and folders in the source and the target are swapped for links that lead out.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::names;
use crate::harness::Site;
use crate::hostile_trees::{WAYS, ended_if_inside, swapping, with_a_way_out};
use crate::zip::files_below;

/// Checks every regular file below a folder, without following links.
fn assert_inside(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            assert_inside(&entry.path());
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).expect("a file");
            assert_eq!(bytes, b"inside", "{}", entry.path().display());
        }
    }
}

#[test]
fn copy_stays_inside_its_roots_while_folders_are_swapped_for_links() {
    let site = Site::new();
    let outside = with_a_way_out(&site);
    symlink("../outside", site.docs().join("to-link")).expect("a link");
    fs::create_dir(site.docs().join("to")).expect("a folder");
    let before = files_below(&outside, "outside");
    let server = site.serve();
    let client = server.client();
    let copies = AtomicU64::new(0);
    let pairs = [
        ["tree/folder", "tree/link"],
        ["to", "to-link"],
        ["tree/file", "tree/file-link"],
        ["tree/folder", "tree/relative"],
        ["to", "to-link"],
    ];
    let swaps = swapping(&site, &pairs, |worker| {
        for (number, from) in WAYS.into_iter().enumerate() {
            // Files outside are checked afterwards; files in `to` may or may not be reached.
            for to in [
                format!("{worker}-{number}"),
                format!("to/{worker}-{number}"),
            ] {
                let params = json!({
                    "from": format!("/docs/{from}"), "to": format!("/docs/{to}"), "conflict": "replace",
                });
                let Some(job) = ended_if_inside(&client, "copy", &params) else {
                    continue;
                };
                if job["status"] == "succeeded" {
                    copies.fetch_add(1, Ordering::Relaxed);
                } else {
                    let code = job["error"]["code"].as_str().expect("a code");
                    let known = ["source_not_found", "target_not_found"];
                    assert!(known.contains(&code), "{job}");
                }
            }
            let copy = site.docs().join(format!("{worker}-{number}"));
            if copy.is_file() {
                assert_eq!(fs::read(&copy).expect("a file"), b"inside");
            }
            assert_inside(&copy);
        }
    });
    let copies = copies.into_inner();
    assert!(swaps > 100 && copies > 5, "{swaps} swaps, {copies} copies");
    println!("{swaps} swaps, {copies} copies");
    assert!(
        files_below(&outside, "outside") == before,
        "{:?}",
        names(&outside)
    );
    for to in ["to", "to-link"] {
        let to = site.docs().join(to);
        if !to.is_symlink() {
            assert_inside(&to);
        }
    }
    server.stop();
}
