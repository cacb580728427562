//! Trees that are hard to read: unreadable files, special files, and folders that are swapped for links.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Client, Site, skipped};

/// How long files are swapped; `CLOAKROOM_TEST_SWAPS` sets a number of swaps instead.
const TIME: Duration = Duration::from_secs(2);
/// The number of jobs that run at once while files are swapped.
const WORKERS: usize = 3;

/// Creates a FIFO without a writer.
pub(crate) fn make_fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path, fifo, mode, 0).expect("a FIFO");
}

/// Creates links, a FIFO and a socket in a folder; the socket lives as long as the returned value.
pub(crate) fn furnish(folder: &Path, links: &[(&str, &str)]) -> UnixListener {
    for (link, target) in links {
        symlink(target, folder.join(link)).expect("a link");
    }
    make_fifo(&folder.join("fifo"));
    UnixListener::bind(folder.join("socket")).expect("a socket")
}

/// Creates `folder/a` and `folder/private`, which the server may not read; returns the command line of such a server,
/// if this machine allows it.
pub(crate) fn with_a_private_file(site: &Site) -> Option<Command> {
    site.write("folder/a", b"a");
    site.write("folder/private", b"b");
    let private = site.docs().join("folder/private");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o0)).expect("a mode");
    let mut command = site.command();
    if fs::read(&private).is_err() {
        return Some(command);
    }
    // Root may read everything, so the server runs as another user.
    let unprivileged = 65_534;
    for path in [site.path(), &site.docs()] {
        chown(path, Some(unprivileged), Some(unprivileged)).expect("root may");
    }
    command.uid(unprivileged).gid(unprivileged);
    let mut probe = Command::new(command.get_program());
    let probed = probe.arg("--version").uid(unprivileged).output();
    if probed.is_ok_and(|output| output.status.success()) {
        return Some(command);
    }
    skipped("cannot run the server as another user");
    None
}

/// Creates `tree` below the root, with links next to its folder and its file that lead to ones of the same names
/// outside; returns the outer folder.
pub(crate) fn with_a_way_out(site: &Site) -> PathBuf {
    let outside = site.path().join("outside");
    fs::create_dir_all(outside.join("deep")).expect("folders");
    for name in ["a", "b", "deep/c"] {
        fs::write(outside.join(name), b"a secret from outside").expect("a secret");
        site.write(&format!("tree/folder/{name}"), b"inside");
    }
    site.write("tree/file", b"inside");
    for (target, link) in [
        (outside.as_path(), "tree/link"),
        (Path::new("../../outside"), "tree/relative"),
        (Path::new("../../outside/a"), "tree/file-link"),
    ] {
        symlink(target, site.docs().join(link)).expect("a link");
    }
    outside
}

/// The paths in that tree to use as sources.
pub(crate) const WAYS: [&str; 4] = ["tree", "tree/folder", "tree/folder/deep", "tree/file"];

/// Runs a job to its end; `None` if its path leads out at the moment of submission.
#[cfg(target_os = "linux")]
pub(crate) fn ended_if_inside(client: &Client, operation: &str, params: &Value) -> Option<Value> {
    let path = format!("/v1/operations/{operation}");
    let headers = [("Content-Type", "application/json")];
    let reply = client.try_ask("POST", &path, &headers, params.to_string().as_bytes());
    let reply = reply.expect("a reply");
    let answer = reply.json();
    if reply.status == 422 {
        let detail = answer["errors"][0]["detail"].as_str().expect("a detail");
        assert!(detail.contains("out of its root"), "{answer}");
        return None;
    }
    assert_eq!(reply.status, 202, "{answer}");
    Some(client.ended(answer["id"].as_str().expect("an id")))
}

/// Repeatedly swaps each of the pairs below the root while workers call `work` with their number. Returns the number of
/// swaps.
#[cfg(target_os = "linux")]
pub(crate) fn swapping(site: &Site, pairs: &[[&str; 2]], work: impl Fn(usize) + Sync) -> u64 {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let wanted = std::env::var("CLOAKROOM_TEST_SWAPS").ok();
    let wanted = wanted.map(|number| number.parse::<u64>().expect("a number"));
    let swaps = AtomicU64::new(0);
    let until = Instant::now() + TIME;
    let over = || match wanted {
        Some(wanted) => swaps.load(Ordering::Relaxed) >= wanted,
        None => Instant::now() >= until,
    };
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (work, over) = (&work, &over);
            scope.spawn(move || {
                while !over() {
                    work(worker);
                }
            });
        }
        while !over() {
            for pair in pairs {
                let [a, b] = pair.map(|name| site.docs().join(name));
                renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).expect("a swap");
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    swaps.into_inner()
}
