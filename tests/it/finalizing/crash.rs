//! Servers that crash or stop while a job publishes its output.

use serde_json::json;

use super::{Stopped, cases, command, is_gone, is_stopping, origin, serve, status};
use crate::copy::names;
use crate::harness::{Gate, Site, wait_for};

#[test]
fn job_published_before_a_crash_succeeds_under_any_restart_policy() {
    let origin = origin();
    let fail = "[operations.copy]\non-restart = 'fail'\n[operations.fetch]\non-restart = 'fail'\n";
    for case in cases(&origin) {
        for (point, configuration, fault) in [
            ("renamed", "", ""),
            ("renamed", fail, ""),
            ("renamed", fail, ",no-creation-times"),
            ("placed", fail, ""),
        ] {
            let site = Site::new();
            case.plant(&site);
            let mut server = serve(&site, configuration, &format!("{point}{fault}"));
            let id = case.submit(server.client());
            assert!(!server.wait().success());

            let server = serve(&site, configuration, fault);
            let job = server.client().ended(&id);
            let at = format!("{point}{fault}: {job}");
            assert_eq!(job["status"], "succeeded", "{}, {at}", case.what);
            assert_eq!(job["attempt"], 1, "{}, {at}", case.what);
            case.assert_done(&site, &at);
            let download = format!("/v1/downloads/{id}");
            assert!(!server.client().get(&download, 200).body.is_empty());
            server.stop();
        }
    }
}

#[test]
fn job_canceled_before_a_crash_leaves_nothing() {
    let origin = origin();
    for case in cases(&origin) {
        for (method, path) in [("POST", "/cancel"), ("DELETE", "")] {
            let Stopped {
                site,
                server,
                id,
                held,
            } = case.stopped_at("intending", "");
            let path = format!("/v1/jobs/{id}{path}");
            assert!([200, 202].contains(&status(server.client(), method, &path)));
            server.kill();
            drop(held);

            // The server crashes again after the remains are removed but before the row is updated, perhaps before it
            // has announced its address.
            if let Ok(mut server) = site.try_serve_with(command(&site, "", "removed")) {
                assert!(!server.wait().success());
            }
            case.assert_undone(&site, method);
            let server = serve(&site, "", "");
            if method == "DELETE" {
                assert!(is_gone(server.client(), &id));
            } else {
                let job = server.client().ended(&id);
                assert_eq!(job["status"], "canceled", "{}: {job}", case.what);
            }
            server.stop();
            case.assert_undone(&site, method);
        }
    }
}

#[test]
fn crash_after_a_late_delete_leaves_complete_output() {
    let origin = origin();
    for case in cases(&origin) {
        for point in ["intended", "renamed"] {
            let Stopped {
                site,
                server,
                id,
                held,
            } = case.stopped_at(point, "");
            let path = format!("/v1/jobs/{id}");
            assert_eq!(status(server.client(), "DELETE", &path), 200);
            server.kill();
            drop(held);
            let server = serve(&site, "", "");
            assert!(is_gone(server.client(), &id));
            wait_for(&format!("{}, {point}: its end", case.what), || {
                let is_right = if point == "intended" {
                    case.is_undone(&site)
                } else {
                    case.is_done(&site)
                };
                is_right.then_some(())
            });
            server.stop();
        }
    }
}

#[test]
fn server_stop_completes_the_rename_or_leaves_it_to_the_next_start() {
    let origin = origin();
    for case in cases(&origin) {
        for goes_on in [true, false] {
            let Stopped {
                site,
                mut server,
                id,
                held,
            } = case.stopped_at("renamed", "");
            server.signal(rustix::process::Signal::TERM);
            if goes_on {
                wait_for("the drain", || is_stopping(server.client()).then_some(()));
                drop(held);
                assert!(server.wait().success());
            } else {
                assert!(server.wait().success());
                drop(held);
            }
            let server = serve(&site, "", "");
            let job = server.client().ended(&id);
            let at = format!("{goes_on}: {job}");
            assert_eq!(job["status"], "succeeded", "{}, {at}", case.what);
            assert_eq!(job["attempt"], 1, "{}, {at}", case.what);
            case.assert_done(&site, &at);
            server.stop();
        }
    }
}

#[test]
fn canceled_requeued_job_ends_after_its_remains_are_removed() {
    for (method, path) in [("POST", "/cancel"), ("DELETE", "")] {
        let site = Site::new();
        let pid_file = site.path().join("pid");
        let sleep = &format!(
            "[operations.sleep]\ncommand = ['sh', '-c', 'echo $$ > {}; exec sleep 60']\n",
            pid_file.display()
        );
        let origin = origin();
        let case = &cases(&origin)[0];
        case.plant(&site);
        let gate = Gate::new(&site);
        let mut server = serve(&site, sleep, &gate.at("copied-file"));
        let client = server.client();
        client.post("/v1/operations/sleep", &json!({}), 202);
        let id = case.submit(client);
        let held = gate.reached();
        let sleeper = wait_for("the command", || {
            let pid = std::fs::read_to_string(&pid_file).ok()?;
            pid.ends_with('\n').then(|| format!("/proc/{}", pid.trim()))
        });
        server.signal(rustix::process::Signal::TERM);
        // All attempts are asked to stop together. Before that, the copy could complete.
        wait_for("the end of the command", || {
            (!std::path::Path::new(&sleeper).exists()).then_some(())
        });
        drop(held);
        assert!(server.wait().success());
        let kept = names(&site.docs());
        assert_eq!(kept.len(), 2, "what is copied is kept: {kept:?}");

        // The older job occupies the only worker.
        let mut command = command(&site, sleep, &gate.at("removed"));
        command.args(["--workers", "1"]);
        let mut server = site.serve_with(command);
        let client = server.client();
        let url = format!("/v1/jobs/{id}");
        let expected = if method == "DELETE" { 200 } else { 202 };
        let answer = status(client, method, &format!("{url}{path}"));
        let jobs = || client.get("/v1/jobs", 200).json();
        assert_eq!(answer, expected, "{method}: {}", jobs());
        let held = gate.reached();
        case.assert_undone(&site, method);
        if method == "DELETE" {
            assert!(is_gone(client, &id));
        } else {
            let job = client.get(&url, 200).json();
            assert_eq!(job["status"], "queued", "{job}");
        }
        drop(held);
        if method != "DELETE" {
            let job = client.ended(&id);
            assert_eq!(job["status"], "canceled", "{job}");
        }
        assert!(server.terminate().success());
        site.check_tables();
    }
}
