//! What a full disk stops, and what keeps working.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Client, Mount, Reply, Site, incompressible, wait_for};

/// Puts the data folder on a disk of 24 MiB; `None` if this machine does not allow that.
fn small_disk(site: &Site) -> Option<Mount> {
    Mount::new(&["-t", "tmpfs", "-o", "size=24m", "tmpfs"], &site.data())
}

/// Creates a file that fills the disk.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file");
    let error = loop {
        if let Err(error) = file.write_all(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
}

fn submit(client: Client, path: &str) -> Reply {
    let body = json!({ "path": path }).to_string();
    let headers = [("content-type", "application/json")];
    client
        .try_ask("POST", "/v1/operations/zip", &headers, body.as_bytes())
        .expect("a reply, whatever it says")
}

/// Submits until there is room again; no other error may occur.
fn accepted_in_the_end(client: Client, path: &str) -> String {
    wait_for("room", || {
        let reply = submit(client, path);
        (reply.status == 202)
            .then(|| id_of(&reply.json()))
            .or_else(|| {
                assert_is_full(&reply);
                None
            })
    })
}

fn assert_is_full(reply: &Reply) {
    let problem = reply.json();
    assert_eq!(
        (reply.status, &problem["code"]),
        (507, &json!("storage_full")),
        "{problem}"
    );
    let seconds = reply.header("retry-after").parse::<u32>();
    assert!(seconds.is_ok_and(|seconds| seconds >= 1), "{reply:?}");
}

fn id_of(job: &Value) -> String {
    job["id"].as_str().expect("an id").to_owned()
}

fn succeeded(client: Client, id: &str) -> Value {
    let job = client.ended(id);
    assert_eq!(job["status"], "succeeded", "{job}");
    job
}

#[test]
fn full_disk_rejects_only_submissions() {
    let site = Site::new();
    let Some(_disk) = small_disk(&site) else {
        return;
    };
    site.write("big", &incompressible(1 << 20));
    let server = site.serve();
    let client = server.client();
    let mut ids: Vec<_> = (0..3).map(|_| client.zip("/docs/big")).collect();
    let old: Vec<_> = ids.iter().map(|id| succeeded(client, id)).collect();
    let filler = site.data().join("filler");
    fill(&filler);

    // Results of jobs accepted before the server noticed may or may not fit.
    let refused = wait_for("a refusal", || {
        let reply = submit(client, "/docs/big");
        if reply.status == 202 {
            ids.push(id_of(&reply.json()));
            return None;
        }
        Some(reply)
    });
    assert_is_full(&refused);
    let [kept, deleted] = [&ids[0], &ids[1]];
    client.get("/healthz", 200);
    assert_eq!(client.get("/readyz", 503).json()["code"], "not_ready");
    client.get(&format!("/v1/jobs/{kept}"), 200);
    let result = client.get(&format!("/v1/downloads/{kept}"), 200).body;
    assert_eq!(
        hex::encode(Sha256::digest(result)),
        old[0]["output"]["sha256"].as_str().expect("a digest")
    );
    let path = format!("/v1/jobs/{deleted}");
    let last = client.ask("DELETE", &path, &[], b"", 200).json();
    assert_eq!(last["status"], "deleted", "{last}");
    client.get(&path, 404);
    client.get(&format!("/v1/downloads/{deleted}"), 404);

    std::fs::remove_file(filler).expect("it is there");
    let id = accepted_in_the_end(client, "/docs/big");
    succeeded(client, &id);
    for id in &ids[old.len()..] {
        let job = client.ended(id);
        let fitted = job["status"] == "succeeded";
        assert!(fitted || job["error"]["code"] == "storage_full", "{job}");
    }
    server.stop();
    let database = Connection::open(site.data().join("cloakroom.db")).expect("a database");
    let stored: u32 = database
        .query_row("select count(*) from job", [], |row| row.get(0))
        .expect("a number");
    // One job is deleted, and one was submitted last.
    assert_eq!(
        stored as usize,
        ids.len(),
        "of what was refused nothing is stored"
    );
}

#[test]
fn result_without_room_fails_only_its_job() {
    let site = Site::new();
    let Some(_disk) = small_disk(&site) else {
        return;
    };
    site.write("huge", &incompressible(32 << 20));
    site.write("small", b"a");
    let server = site.serve();
    let client = server.client();
    let before = client.zip("/docs/small");
    succeeded(client, &before);

    let job = client.ended(&client.zip("/docs/huge"));
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("storage_full")),
        "{job}"
    );

    // The chunks that were written are freed automatically.
    let after = accepted_in_the_end(client, "/docs/small");
    for id in [before, after] {
        succeeded(client, &id);
        client.get(&format!("/v1/downloads/{id}"), 200);
    }
    server.stop();
}

#[test]
fn database_at_its_quota_accepts_jobs_again_after_a_delete() {
    let site = Site::new();
    site.write("huge", &incompressible(8 << 20));
    site.write("big", &incompressible(1 << 20));
    let server = site.serve_configured("[limits]\ndatabase-bytes = '4 MiB'\n");
    let client = server.client();
    let job = client.ended(&client.zip("/docs/huge"));
    assert_eq!(job["error"]["code"], "storage_full", "{job}");

    let mut ids = vec![accepted_in_the_end(client, "/docs/big")];
    let refused = wait_for("a refusal", || {
        let reply = submit(client, "/docs/big");
        if reply.status == 202 {
            ids.push(id_of(&reply.json()));
            client.ended(&id_of(&reply.json()));
            return None;
        }
        Some(reply)
    });
    assert_is_full(&refused);
    for id in ids {
        client.ask("DELETE", &format!("/v1/jobs/{id}"), &[], b"", 200);
    }
    accepted_in_the_end(client, "/docs/big");
    server.stop();
}

#[test]
fn job_ending_on_a_full_disk_reports_its_file_correctly() {
    let site = Site::new();
    let Some(_disk) = small_disk(&site) else {
        return;
    };
    let [begun, sign, over] = ["begun", "sign", "over"].map(|name| site.path().join(name));
    let configuration = format!(
        "[operations.c]\ncommand = ['sh', '-c', \
         'echo begun >>{}; while [ ! -e {} ]; do sleep 0.01; done; echo made; echo over >>{}']\n",
        begun.display(),
        sign.display(),
        over.display()
    );
    let server = site.serve_configured(&configuration);
    let client = server.client();
    let jobs: Vec<_> = (0..2)
        .map(|number| {
            let path = format!("/v1/operations/c?output=/docs/made-{number}");
            id_of(&client.post(&path, &json!({}), 202).json())
        })
        .collect();
    let lines = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        (text.lines().count() == jobs.len()).then_some(())
    };
    wait_for("the commands", || lines(&begun));
    let fillers = ["filler", "filler-too"].map(|name| site.data().join(name));
    fill(&fillers[0]);
    // It may have been freed already.
    let _ = std::fs::remove_file(site.data().join("ballast"));
    fill(&fillers[1]);
    std::fs::write(&sign, b"").expect("a sign");
    wait_for("the ends of the commands", || lines(&over));
    for filler in &fillers {
        std::fs::remove_file(filler).expect("it is there");
    }
    for (number, id) in jobs.iter().enumerate() {
        let job = client.ended(id);
        let made = site.docs().join(format!("made-{number}"));
        if made.exists() {
            assert_eq!(job["status"], "succeeded", "{job}");
        } else {
            assert_eq!(job["error"]["code"], "storage_full", "{job}");
        }
    }
    server.stop();
}
