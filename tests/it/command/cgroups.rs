//! Commands in control groups, and the guarantees without them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::server_crash::sleepers;
use super::{declaration, submit};
use crate::harness::{Mount, Server, Site, run, skipped, wait_for};

/// A control group (version 2) for the test's servers. `None` (and a message) if none can be created.
struct Groups {
    top: PathBuf,
    _mount: Option<Mount>,
}

impl Groups {
    fn find(site: &Site) -> Option<Self> {
        let tops = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let mounted = tops
            .into_iter()
            .find(|top| top.join("cgroup.procs").exists() && top.join("cgroup.stat").exists());
        let (top, mount) = if let Some(top) = mounted {
            (top.to_owned(), None)
        } else {
            let top = site.path().join("cgroups");
            let mount = Mount::new(&["-t", "cgroup2", "none"], &top)?;
            (top, Some(mount))
        };
        let groups = Self { top, _mount: mount };
        let own = std::fs::read_to_string("/proc/self/cgroup").expect("it is there");
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
        let own = groups.top.join(own.expect("a group of version 2"));
        let made = own.join(format!("cloakroom-test-{}", std::process::id()));
        let is_ours = std::fs::create_dir(&made).is_ok() && made.join("cgroup.kill").exists();
        let _ = std::fs::remove_dir(&made);
        if !is_ours {
            skipped("no control group can be made and killed");
        }
        is_ours.then_some(groups)
    }

    /// The groups of a server's attempts. Their folder number may have been used before.
    fn of(&self, site: &Site, server: u32) -> Vec<PathBuf> {
        let data = std::fs::metadata(site.data()).expect("a data folder");
        let name = format!("cloakroom-{:x}:{:x}:{server}:", data.dev(), data.ino());
        let (mut found, mut folders) = (Vec::new(), vec![self.top.clone()]);
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                if entry.file_name().to_string_lossy().starts_with(&name) {
                    found.push(entry.path());
                }
                folders.push(entry.path());
            }
        }
        found
    }
}

/// Runs a server without visible control groups. `None` (and a message) if the machine does not allow that.
pub(super) fn hide_groups(command: &Command) -> Option<Command> {
    after("umount --all --types cgroup2", command)
}

/// The command in its own mount namespace, after a shell has run `preparation` there.
fn after(preparation: &str, command: &Command) -> Option<Command> {
    let script = format!("{preparation} && exec \"$@\"");
    let prepared = |program: &std::ffi::OsStr| {
        let mut prepared = Command::new("unshare");
        let shell = ["--mount", "sh", "-c", &script, "sh"];
        prepared.args(shell).arg(program);
        prepared
    };
    if let Err(reason) = run(&mut prepared("true".as_ref())) {
        skipped(&reason);
        return None;
    }
    let mut prepared = prepared(command.get_program());
    prepared.args(command.get_args());
    let variables = command.get_envs();
    prepared.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    Some(prepared)
}

/// A sleep duration that no other process uses.
fn marker(number: u32) -> String {
    format!("34{}{number:02}", std::process::id())
}

/// An operation that runs the whole time, next to the one under test.
fn bystander(marker: &str) -> String {
    format!("[operations.bystander]\ncommand = ['sleep', '{marker}']\n")
}

fn start_bystander(server: &Server, marker: &str) {
    let client = server.client();
    client.post("/v1/operations/bystander", &json!({}), 202);
    wait_for("another command", || {
        (sleepers(marker).len() == 1).then_some(())
    });
}

/// Waits for the job's sleeping processes and cancels it if needed; returns the finished job.
fn end(server: &Server, id: &str, is_canceled: bool, marker: &str) -> Value {
    if is_canceled {
        wait_for("its descendant", || {
            (!sleepers(marker).is_empty()).then_some(())
        });
        server.client().canceled(id)
    } else {
        server.client().ended(id)
    }
}

#[test]
fn descendants_that_clear_their_environment_end_with_the_attempt() {
    let site = Site::new();
    let Some(groups) = Groups::find(&site) else {
        return;
    };
    let daemon = "env -i setsid sh -c 'trap \"\" TERM HUP; sleep M & sleep M & wait' & \
                  (setsid env -i sleep M &)\n";
    let wait = "wait; sleep 3499";
    let (other, mut number) = (marker(0), 0);
    for (script, more, status, code) in [
        ("echo ok >\"$1\"", "", "succeeded", None),
        ("exit 3", "", "failed", Some("exit_status")),
        (wait, "", "canceled", None),
        (wait, "timeout = '300ms'", "failed", Some("timed_out")),
        // Nested groups are removed too.
        (
            "cd \"$TOP$(sed -n s/^0:://p /proc/self/cgroup)\" && mkdir -p a/b && echo 0 >a/b/cgroup.procs && \
             setsid env -i sleep M & wait; echo ok >\"$1\"",
            "timeout = '500ms'",
            "failed",
            Some("timed_out"),
        ),
    ] {
        number += 1;
        let own = marker(number);
        let script = format!("{daemon}sleep 0.05\n{script}");
        let script = script
            .replace("sleep M", &format!("sleep {own}"))
            .replace("$TOP", &groups.top.display().to_string());
        let more = format!("grace = '100ms'\n{more}\n{}", bystander(&other));
        let server = site.serve_configured(&declaration(&script, &more));
        start_bystander(&server, &other);
        let id = submit(server.client(), &json!({}));
        let job = end(&server, &id, status == "canceled", &own);
        assert_eq!(job["status"], status, "{job}");
        assert_eq!(job["error"]["code"].as_str(), code, "{job}");
        let left = sleepers(&own);
        assert!(left.is_empty(), "{status}: {left:?}");
        assert_eq!(sleepers(&other).len(), 1, "the other command still runs");
        assert_eq!(
            groups.of(&site, server.pid()).len(),
            1,
            "the only group left"
        );
        assert_eq!(server.children(), 1, "no orphan waits for its parent");
        let jobs = server.client().get("/v1/jobs?status=running", 200).json();
        let bystander = jobs["jobs"][0]["id"].as_str().expect("another job");
        server.client().canceled(bystander);
        let pid = server.pid();
        server.stop();
        assert_eq!(groups.of(&site, pid), Vec::<PathBuf>::new());
    }
}

#[test]
fn descendants_that_clear_their_environment_end_at_the_next_start() {
    let site = Site::new();
    let Some(groups) = Groups::find(&site) else {
        return;
    };
    let marker = marker(20);
    let script = format!("(env -i setsid sleep {marker} &); exec sleep 3498");
    let server = site.serve_configured(&declaration(&script, "on-restart = 'fail'"));
    submit(server.client(), &json!({}));
    wait_for("its descendant", || {
        (sleepers(&marker).len() == 1).then_some(())
    });
    let pid = server.pid();
    server.kill();
    assert_eq!(sleepers(&marker).len(), 1);
    assert_eq!(groups.of(&site, pid).len(), 1);

    let elsewhere = Site::new();
    elsewhere.serve_configured(&declaration("true", "")).stop();
    assert_eq!(sleepers(&marker).len(), 1, "of another data folder");

    let server = site.serve();
    let left = sleepers(&marker);
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(groups.of(&site, pid), Vec::<PathBuf>::new());
    server.stop();
}

#[test]
fn second_signal_kills_descendants_that_clear_their_environment() {
    let site = Site::new();
    if Groups::find(&site).is_none() {
        return;
    }
    let marker = marker(21);
    let script =
        format!("trap '' TERM; (env -i setsid sleep {marker} &); while :; do sleep 0.1; done");
    let mut server = site.serve_configured(&declaration(&script, "grace = '1m'"));
    submit(server.client(), &json!({}));
    wait_for("its descendant", || {
        (sleepers(&marker).len() == 1).then_some(())
    });
    server.signal(rustix::process::Signal::TERM);
    wait_for("the end of accepting", || {
        let health = server.client().try_ask("GET", "/healthz", &[], b"");
        health.is_err().then_some(())
    });
    server.signal(rustix::process::Signal::TERM);
    server.wait();
    wait_for("its end", || sleepers(&marker).is_empty().then_some(()));
}

#[test]
fn descendants_are_recognized_by_environment_without_control_groups() {
    let site = Site::new();
    let (own, other) = (marker(30), marker(31));
    let script =
        format!("(setsid sleep {own} &); setsid sleep {own} & sleep 0.05; echo ok >\"$1\"");
    let text = format!("{}{}", declaration(&script, ""), bystander(&other));
    let Some(hidden) = hide_groups(&site.command_configured(&text)) else {
        return;
    };
    let server = site.serve_with(hidden);
    start_bystander(&server, &other);
    let id = submit(server.client(), &json!({}));
    assert_eq!(server.client().ended(&id)["status"], "succeeded");
    let left = sleepers(&own);
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(sleepers(&other).len(), 1, "the other command still runs");
}

#[test]
fn command_runs_when_its_control_group_cannot_be_entered() {
    let site = Site::new();
    let Some(groups) = Groups::find(&site) else {
        return;
    };
    let group = groups.top.join(format!("test-{}", std::process::id()));
    // Groups can be created below a threaded group, but must be made threaded before they accept processes.
    let threaded = format!(
        "mkdir -p {0} && echo threaded >{0}/cgroup.type && echo 0 >{0}/cgroup.procs",
        group.display()
    );
    let own = marker(40);
    let script = format!("setsid sleep {own} & sleep 0.05; echo ok >\"$1\"");
    let command = site.command_configured(&declaration(&script, ""));
    let Some(command) = after(&threaded, &command) else {
        return;
    };
    let server = site.serve_with(command);
    for _ in 0..2 {
        let id = submit(server.client(), &json!({}));
        let job = server.client().ended(&id);
        assert_eq!(job["status"], "succeeded", "{job}");
        let left = sleepers(&own);
        assert!(left.is_empty(), "{left:?}");
    }
    server.stop();
    std::fs::remove_dir(group).expect("the group is empty");
}
