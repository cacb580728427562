//! Durability of accepted jobs when the server is killed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Site};
use crate::zip::{files_below, files_in};

const ROUNDS: u64 = 20;
const CLIENTS: usize = 8;

/// What clients have seen: the jobs with a 202, and the finished jobs as they were shown.
#[derive(Default)]
struct Observed {
    accepted: Mutex<Vec<String>>,
    ended: Mutex<HashMap<String, Value>>,
}

impl Observed {
    /// Submits and polls until the server is gone.
    fn pester(&self, client: Client) {
        let body = json!({ "path": "/docs/sources" }).to_string();
        let headers = [("content-type", "application/json")];
        loop {
            let Ok(reply) = client.try_ask("POST", "/v1/operations/zip", &headers, body.as_bytes())
            else {
                return;
            };
            assert_eq!(
                reply.status,
                202,
                "{:?}",
                String::from_utf8_lossy(&reply.body)
            );
            let id = reply.json()["id"].as_str().expect("an id").to_owned();
            self.accepted.lock().expect("no panic").push(id.clone());
            let Ok(reply) = client.try_ask("GET", &format!("/v1/jobs/{id}?wait=1s"), &[], b"")
            else {
                return;
            };
            assert_eq!(reply.status, 200);
            self.saw(&id, reply.json());
        }
    }

    /// Records a finished job; it must equal any earlier record.
    fn saw(&self, id: &str, mut job: Value) {
        if job["finishedAt"] == Value::Null {
            return;
        }
        // The port differs between servers.
        job["links"].take();
        job["output"]["uri"].take();
        let mut ended = self.ended.lock().expect("no panic");
        let before = ended.entry(id.to_owned()).or_insert_with(|| job.clone());
        assert_eq!(*before, job, "a terminal job never changes");
    }
}

#[test]
fn accepted_jobs_survive_kill_9_and_finished_jobs_do_not_rerun() {
    let site = Site::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine");
    for (name, bytes) in files_below(&sources, "sources") {
        site.write(&name, &bytes);
    }
    let expected = files_below(&site.docs().join("sources"), "sources");
    let observed = Observed::default();
    for round in 0..ROUNDS {
        let server = site.serve();
        let client = server.client();
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| observed.pester(client));
            }
            // Spread over half a second; the first kills hit the first submissions.
            thread::sleep(Duration::from_millis(5 + round * 7919 % 500));
            server.kill();
        });
        site.check_tables();
    }
    let server = site.serve();
    let client = server.client();
    let accepted = observed.accepted.lock().expect("no panic").clone();
    assert!(accepted.len() > ROUNDS as usize, "{} jobs", accepted.len());
    for id in &accepted {
        let job = client.ended(id);
        assert_eq!(job["status"], "succeeded", "{job}");
        observed.saw(id, job);
        assert_eq!(
            files_in(&client.get(&format!("/v1/downloads/{id}"), 200).body),
            expected
        );
    }
    server.stop();
}
