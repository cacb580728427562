//! Durability of accepted jobs on power loss.
//!
//! A kill leaves what the kernel holds, so it cannot tell a synced commit from one that is not. Here the file system
//! itself is shut down, without its last words to the disk, and mounted again.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Mount, Server, Site, make_image, run, shut_down, skipped};

const CLIENTS: usize = 4;

/// A server with its data on its own disk. The fields are dropped in this order: the mount first.
struct Rig {
    disk: Mount,
    site: Site,
    fault: &'static str,
    observed: Mutex<Observed>,
}

/// What clients have seen while there was power.
#[derive(Default)]
struct Observed {
    /// The jobs with a 202, and how they ended, if that was seen.
    jobs: BTreeMap<String, Option<Value>>,
    /// Replies from here on do not count: a sync that is in progress when ext4 is shut down may report success, which
    /// no real machine could answer.
    power_is_gone: bool,
}

impl Observed {
    fn note(&mut self, id: &str, end: Option<Value>) {
        if !self.power_is_gone {
            self.jobs.insert(id.to_owned(), end);
        }
    }
}

impl Rig {
    /// `None` if this machine cannot do it.
    fn new(fault: &'static str) -> Option<Self> {
        let site = Site::new();
        site.write("a", b"hello");
        let image = site.path().join("image");
        if let Err(reason) = run(Command::new("python3").args(["-c", "import fcntl"])) {
            skipped(&reason);
            return None;
        }
        if !make_image(&image, 64 << 20, "mkfs.ext4", &["-q"]) {
            return None;
        }
        let image = image.to_str().expect("a path in UTF-8");
        Some(Self {
            disk: Mount::new(&["-o", "loop", image], &site.data())?,
            site,
            fault,
            observed: Mutex::default(),
        })
    }

    fn serve(&self) -> Server {
        let mut command = self.site.command();
        // The log of the database's failure is expected when the disk goes.
        command.env("CLOAKROOM_LOG", "off");
        command.env("CLOAKROOM_FAULT", self.fault);
        self.site.serve_with(command)
    }

    /// Uses the server, cuts the power, and returns the server that starts afterwards.
    fn cut_power(&self, server: Server, after: Duration) -> Server {
        let client = server.client();
        self.observed().power_is_gone = false;
        let mut shut_down = shut_down(&self.site.data());
        let mut ready = shut_down.stdout.take().expect("it is piped");
        ready.read_exact(&mut [0]).expect("it is ready");
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| self.pester(client));
            }
            thread::sleep(after);
            self.observed().power_is_gone = true;
            let mut word = shut_down.stdin.take().expect("it is piped");
            word.write_all(b"now\n").expect("it listens");
            let status = shut_down.wait().expect("it ends");
            // Before any panic, so that the client threads end.
            server.kill();
            assert!(status.success(), "the file system can be shut down");
        });
        self.disk.again();
        self.serve()
    }

    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().expect("no panic")
    }

    /// Submits and waits until the server does not answer or reports an error.
    fn pester(&self, client: Client) {
        let body = json!({ "path": "/docs/a" }).to_string();
        let headers = [("content-type", "application/json")];
        while let Ok(reply) =
            client.try_ask("POST", "/v1/operations/zip", &headers, body.as_bytes())
            && reply.status == 202
        {
            let id = reply.json()["id"].as_str().expect("an id").to_owned();
            self.observed().note(&id, None);
            let path = format!("/v1/jobs/{id}?wait=1s");
            if let Ok(reply) = client.try_ask("GET", &path, &[], b"")
                && reply.status == 200
                && reply.json()["finishedAt"] != Value::Null
            {
                let end = without_port(reply.json());
                self.observed().note(&id, Some(end));
            }
        }
    }

    /// All differences from what clients have seen.
    fn lost(&self, client: Client) -> Vec<String> {
        let mut lost = Vec::new();
        for (id, end) in &mut self.observed().jobs {
            let path = format!("/v1/jobs/{id}");
            let reply = client.try_ask("GET", &path, &[], b"").expect("a reply");
            if reply.status != 200 {
                lost.push(format!("{id} is answered {}", reply.status));
                continue;
            }
            let job = without_port(client.ended(id));
            if job["status"] != "succeeded" {
                lost.push(format!("{id} did not succeed: {job}"));
            }
            let seen = end.get_or_insert_with(|| job.clone());
            if *seen != job {
                lost.push(format!("{id} was {seen} and is {job}"));
            }
        }
        lost
    }
}

/// The job without its links: the port differs between servers.
fn without_port(mut job: Value) -> Value {
    job["links"].take();
    job["output"]["uri"].take();
    job
}

#[test]
fn acknowledged_jobs_survive_power_loss() {
    let Some(rig) = Rig::new("") else { return };
    let mut server = rig.serve();
    for cut in 0..5 {
        server = rig.cut_power(server, Duration::from_millis(100 + cut * 7919 % 300));
        let lost = rig.lost(server.client());
        assert!(lost.is_empty(), "cut {cut}: {lost:#?}");
    }
    let jobs = rig.observed().jobs.len();
    assert!(jobs > 40, "{jobs} jobs say little");
    server.stop();
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "release builds plan no failures")]
fn power_loss_test_detects_unsynced_commits() {
    let Some(rig) = Rig::new("synchronous-normal") else {
        return;
    };
    let mut server = rig.serve();
    for cut in 0..8 {
        server = rig.cut_power(server, Duration::from_millis(100 + cut * 7919 % 300));
        if !rig.lost(server.client()).is_empty() {
            return;
        }
    }
    panic!("eight cuts lost nothing: they cut nothing");
}

#[test]
fn server_stops_when_the_disk_with_its_log_fails() {
    let Some(rig) = Rig::new("") else { return };
    let mut command = rig.site.command();
    command.env("CLOAKROOM_LOG", "trace");
    let log = std::fs::File::create(rig.site.data().join("log"));
    command.stderr(log.expect("a file"));
    let mut server = rig.site.serve_with(command);
    let client = server.client();
    client.ended(&client.zip("/docs/a"));
    rig.disk.cut_power();
    rig.observed().power_is_gone = true;
    rig.pester(client);
    assert_eq!(server.wait().code(), Some(3));
}
