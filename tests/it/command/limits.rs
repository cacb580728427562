//! Commands on a machine without free processes or disk space.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{processes, run, serve_script, work_folders};
use crate::harness::{Mount, Server, Site, skipped};

/// A control group that limits processes and threads; removed on drop.
struct Group(PathBuf);

impl Group {
    fn new(server: &Server) -> Option<Self> {
        let tops = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(Path::new);
        let top = tops.iter().find(|top| top.join("cgroup.procs").exists())?;
        let group = Self(top.join(format!("cloakroom-test-{}", std::process::id())));
        let made = std::fs::create_dir(&group.0).is_ok()
            && group.0.join("pids.max").exists()
            && group.write("cgroup.procs", &server.pid().to_string());
        if !made {
            skipped("no control group for processes can be made");
        }
        made.then_some(group)
    }

    fn write(&self, file: &str, text: &str) -> bool {
        std::fs::write(self.0.join(file), text).is_ok()
    }

    fn count(&self) -> usize {
        let count = std::fs::read_to_string(self.0.join("pids.current"));
        count.expect("a number").trim().parse().expect("a number")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The group can be removed once the server has left it.
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn unstartable_command_fails_only_its_job() {
    let site = Site::new();
    let marker = format!("33{}", std::process::id());
    let server = serve_script(&site, &format!("sleep 0; echo ok >\"$1\" # {marker}"), "");
    let client = server.client();
    let Some(group) = Group::new(&server) else {
        return;
    };
    for free in 0..6 {
        // The threads that run jobs and start commands exist from here on.
        assert!(group.write("pids.max", "max"));
        assert_eq!(run(client, &json!({}))["status"], "succeeded");
        assert!(group.write("pids.max", &(group.count() + free).to_string()));
        let job = run(client, &json!({}));
        let code = job["error"]["code"].as_str();
        // Other threads of the server may have ended in the meantime.
        let expected = free == 0 && code == Some("not_started")
            || free > 0 && matches!(code, None | Some("not_started" | "exit_status"));
        assert!(expected, "{free}: {job}");
        client.get("/healthz", 200);
        assert!(processes(&marker).is_empty());
        assert_eq!(work_folders(&site), 0);
    }
    assert!(group.write("pids.max", "max"));
    assert_eq!(run(client, &json!({}))["status"], "succeeded");
    server.stop();
}

#[test]
fn command_that_fills_the_disk_fails_only_its_job() {
    let site = Site::new();
    let Some(_disk) = Mount::new(&["-t", "tmpfs", "-o", "size=64m", "tmpfs"], &site.data()) else {
        return;
    };
    let server = serve_script(&site, "cat /dev/zero >\"$HOME/much\"; sleep 3399", "");
    let job = run(server.client(), &json!({}));
    assert_eq!(job["error"]["code"], "storage_full", "{job}");
    assert_eq!(work_folders(&site), 0);
    server.stop();
    let server = serve_script(&site, "echo ok >\"$1\"", "");
    assert_eq!(run(server.client(), &json!({}))["status"], "succeeded");
    server.stop();
}
