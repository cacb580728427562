//! Targets without space, inodes or write access.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::mount::{MountFlags, mount_remount};
use serde_json::{Value, json};

use super::{names, refused, submit};
use crate::harness::{Mount, Server, Site, incompressible, run, skipped, wait_for};

/// A server with a root `out` on its own file system; `None` if this machine does not allow that.
fn serve(site: &Site, options: &str) -> Option<(Mount, PathBuf, Server)> {
    let out = site.path().join("out");
    let mount = Mount::new(&["-t", "tmpfs", "-o", options, "tmpfs"], &out)?;
    let mut command = site.command();
    command.arg("--root").arg(format!("out={}", out.display()));
    Some((mount, out, site.serve_with(command)))
}

#[test]
fn full_target_disk_fails_the_copy_and_stays_unchanged() {
    let site = Site::new();
    for number in 0..16 {
        site.write(&format!("a/{number}"), &incompressible(1 << 20));
    }
    let Some((_mount, out, server)) = serve(&site, "size=8m") else {
        return;
    };
    let client = server.client();
    for (from, what) in [("/docs/a", "8 files"), ("/docs/a/1", "")] {
        if from == "/docs/a/1" {
            fs::write(out.join("filler"), vec![0; 15 << 19]).expect("there is room for it");
        }
        let (code, message) = refused(&client, &json!({ "from": from, "to": "/out/b" }));
        assert_eq!(code, "storage_full", "{message}");
        assert!(
            message.contains(what) && message.contains("the partial copy was removed"),
            "{message}"
        );
    }
    assert_eq!(names(&out), ["filler"]);
    client.get("/healthz", 200);
    server.stop();
}

#[test]
fn target_without_inodes_fails_the_copy_and_stays_unchanged() {
    let site = Site::new();
    for number in 0..50 {
        site.write(&format!("a/{number}"), b"x");
    }
    let Some((_mount, out, server)) = serve(&site, "nr_inodes=20") else {
        return;
    };
    let (code, message) = refused(
        &server.client(),
        &json!({ "from": "/docs/a", "to": "/out/b" }),
    );
    assert_eq!(code, "storage_full", "{message}");
    assert!(names(&out).is_empty());
    server.stop();
}

#[test]
fn target_that_becomes_read_only_fails_the_copy_and_remains_are_reported() {
    let site = Site::new();
    let image = site.path().join("image");
    fs::File::create(&image)
        .and_then(|file| file.set_len(64 << 20))
        .expect("an image");
    if let Err(reason) = run(Command::new("mkfs.ext4").arg("-q").arg(&image)) {
        return skipped(&reason);
    }
    fs::create_dir(site.docs().join("folder")).expect("a folder");
    for number in 0..6000 {
        site.write(&format!("folder/{number}"), b"");
    }
    let out = site.path().join("out");
    let image = image.to_str().expect("a path in UTF-8");
    let Some(_mount) = Mount::new(&["-o", "loop", image], &out) else {
        return;
    };
    let mut command = site.command();
    command.arg("--root").arg(format!("out={}", out.display()));
    let server = site.serve_with(command);
    let client = server.client();
    let id = submit(&client, &json!({ "from": "/docs/folder", "to": "/out/b" }));
    wait_for("the copying", || {
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        assert_eq!(job["finishedAt"], Value::Null, "it was too quick: {job}");
        (job["phase"] == "Copying").then_some(())
    });
    wait_for("a moment without writers", || {
        // A remount fails while a file is open for writing.
        mount_remount(&out, MountFlags::RDONLY, c"").ok()
    });
    let job = client.ended(&id);
    assert_eq!(job["error"]["code"], "target_unwritable", "{job}");
    let message = job["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("The copy failed after ")
            && message.contains("the partial copy at /out/.cloakroom-"),
        "{message}"
    );
    assert!(!out.join("b").exists());
    server.stop();
}
