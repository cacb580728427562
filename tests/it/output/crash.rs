//! Servers that crash while they write a result to a file.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{download, id, serve_out, submit, zip};
use crate::copy::names;
use crate::harness::{Mount, Site, incompressible, make_image, wait_for};

/// The restart policy for an interrupted attempt, and the name of its file.
const HABITS: [(&str, &str); 2] = [("requeue", "new"), ("fail", "old")];

/// Crashes at each failpoint and checks what the next server does, in a folder on some file system.
fn die_everywhere(out: &Path, habits: &[(&str, &str)]) {
    for point in ["written", "intended", "renamed"] {
        for &(restart, target) in habits {
            let what = format!("{point}, {restart}, {target}, {}", out.display());
            let site = Site::new();
            let runs = site.path().join("runs");
            fs::write(out.join("old"), b"old").expect("a file");
            let _ = fs::remove_file(out.join("new"));
            let configuration = format!(
                "[operations.c]\non-restart = '{restart}'\n\
                 command = ['sh', '-c', 'echo run >>{}; head -c 300000 /dev/zero', 'sh']\n",
                runs.display()
            );
            let mut server = serve_out(&site, out, &configuration, Some(point));
            let reply = submit(
                server.client(),
                "c",
                &json!({}),
                &format!("/out/{target}"),
                202,
            );
            let id = id(&reply);
            assert!(!server.wait().success());
            let is_there =
                || fs::read(out.join(target)).is_ok_and(|bytes| bytes == vec![0; 300_000]);
            assert_eq!(is_there(), point == "renamed", "{what}");

            let server = serve_out(&site, out, &configuration, None);
            let client = server.client();
            let job = client.ended(&id);
            let succeeds = point == "renamed" || restart == "requeue";
            assert_eq!(is_there(), succeeds, "{what}: {job}");
            if succeeds {
                assert_eq!(job["status"], "succeeded", "{what}: {job}");
                assert_eq!(job["output"]["path"], format!("/out/{target}"));
                assert_eq!(client.get(&download(&job), 200).body, vec![0; 300_000]);
            } else {
                assert_eq!(job["error"]["code"], "interrupted", "{what}: {job}");
                let left = fs::read(out.join(target)).ok();
                assert_eq!(
                    left.as_deref(),
                    (target == "old").then_some(&b"old"[..]),
                    "{what}"
                );
            }
            let times = fs::read_to_string(&runs).expect("it ran").lines().count();
            assert_eq!(
                times,
                if point != "renamed" && succeeds { 2 } else { 1 },
                "{what}"
            );
            wait_for("the removal of what was under way", || {
                let mut names = names(out);
                names.retain(|name| name != "lost+found");
                let expected: &[&str] = match (target, succeeds) {
                    ("new", true) => &["new", "old"],
                    _ => &["old"],
                };
                (names == expected).then_some(())
            });
            server.stop();
        }
    }
}

#[test]
fn crash_at_any_failpoint_leaves_no_file_or_a_complete_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let habits = [
        ("requeue", "new"),
        ("fail", "new"),
        ("requeue", "old"),
        ("fail", "old"),
    ];
    die_everywhere(folder.path(), &habits);
}

#[test]
fn crash_leaves_no_partial_file_on_tmpfs() {
    let folder = tempfile::tempdir().expect("a folder");
    if let Some(_mount) = Mount::new(&["-t", "tmpfs", "tmpfs"], folder.path()) {
        die_everywhere(folder.path(), &HABITS);
    }
}

/// A mounted image with this file system; `None` if this machine does not allow that.
fn mounted(folder: &Path, make: &str, arguments: &[&str]) -> Option<(Mount, PathBuf)> {
    let (image, out) = (folder.join("image"), folder.join("out"));
    if !make_image(&image, 16 << 20, make, arguments) {
        return None;
    }
    let image = image.to_str().expect("a path in UTF-8");
    Some((Mount::new(&["-o", "loop", image], &out)?, out))
}

#[test]
fn crash_leaves_no_partial_file_on_ext4() {
    let folder = tempfile::tempdir().expect("a folder");
    if let Some((_mount, out)) = mounted(folder.path(), "mkfs.ext4", &["-q"]) {
        die_everywhere(&out, &HABITS);
    }
}

#[test]
fn crash_leaves_no_partial_file_on_fat() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((mount, out)) = mounted(folder.path(), "mkfs.vfat", &[]) else {
        return;
    };
    die_everywhere(&out, &HABITS);
    // FAT has no inode numbers that survive a remount, and its times are coarse.
    let site = Site::new();
    site.write("a", &incompressible(1000));
    let server = serve_out(&site, &out, "", None);
    let job = zip(server.client(), "/docs/a", "/out/a.zip");
    server.stop();
    mount.again();
    let server = serve_out(&site, &out, "", None);
    server.client().get(&download(&job), 200);
    server.stop();
}

#[test]
fn published_result_with_another_inode_is_recognized_by_its_bytes() {
    for is_the_same in [true, false] {
        let site = Site::new();
        let (out, runs) = (site.path().join("out"), site.path().join("runs"));
        fs::create_dir(&out).expect("a folder");
        let configuration = format!(
            "[operations.c]\ncommand = ['sh', '-c', 'echo run >>{}; echo made']\n",
            runs.display()
        );
        let mut server = serve_out(&site, &out, &configuration, Some("renamed"));
        let reply = submit(server.client(), "c", &json!({}), "/out/made", 202);
        assert!(!server.wait().success());
        // As after a remount of a file system without persistent inode numbers.
        let bytes: &[u8] = if is_the_same { b"made\n" } else { b"else\n" };
        fs::write(out.join("other"), bytes).expect("a file");
        fs::rename(out.join("other"), out.join("made")).expect("it takes its place");

        let server = serve_out(&site, &out, &configuration, None);
        let job = server.client().ended(&id(&reply));
        assert_eq!(job["status"], "succeeded", "{job}");
        assert_eq!(server.client().get(&download(&job), 200).body, b"made\n");
        let times = fs::read_to_string(&runs).expect("it ran").lines().count();
        assert_eq!(times, if is_the_same { 1 } else { 2 }, "{job}");
        server.stop();
    }
}
