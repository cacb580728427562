//! How jobs end: cancel, delete, stop, crash, timeout.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Client, Server, Site, incompressible, wait_for};

/// A site whose `long` takes some seconds to zip, and `short` does not; one worker.
fn slow_site() -> Site {
    let site = Site::new();
    site.write_zeros("long", 1 << 33);
    site.write("short", b"short");
    site
}

fn one_worker(site: &Site) -> Server {
    let mut command = site.command();
    command.args(["--workers", "1", "--drain-timeout", "0s"]);
    site.serve_with(command)
}

fn cancel(client: &Client, id: &str, expected: u16) -> Value {
    client
        .post(&format!("/v1/jobs/{id}/cancel"), &json!({}), expected)
        .json()
}

fn delete(client: &Client, id: &str, expected: u16) -> Value {
    client
        .ask("DELETE", &format!("/v1/jobs/{id}"), &[], b"", expected)
        .json()
}

fn status(client: &Client, id: &str) -> Value {
    client.get(&format!("/v1/jobs/{id}"), 200).json()["status"].clone()
}

#[test]
fn cancel_works_in_every_state() {
    let site = slow_site();
    let server = one_worker(&site);
    let client = server.client();
    let running = client.zip("/docs/long");
    let queued = client.zip("/docs/short");
    assert_eq!(status(&client, &running), "running");
    assert_eq!(status(&client, &queued), "queued");

    let canceled = cancel(&client, &queued, 200);
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(
        (&canceled["attempt"], &canceled["startedAt"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(canceled["links"].get("cancel"), None);
    cancel(&client, &queued, 200);

    let stopping = client.get(&format!("/v1/jobs/{running}"), 200).json();
    let link = stopping["links"]["cancel"]
        .as_str()
        .expect("it can be canceled")
        .to_owned();
    assert!(
        link.ends_with(&format!("/v1/jobs/{running}/cancel")),
        "{link}"
    );
    assert_eq!(cancel(&client, &running, 202)["status"], "running");
    assert_eq!(client.ended(&running)["status"], "canceled");
    cancel(&client, &running, 200);
    assert_eq!(
        client.get(&format!("/v1/downloads/{running}"), 404).json()["code"],
        "no_result"
    );

    let done = client.zip("/docs/short");
    assert_eq!(client.ended(&done)["status"], "succeeded");
    assert_eq!(cancel(&client, &done, 409)["code"], "already_ended");
    client.post(
        "/v1/jobs/01JD3QXYZ0000000000000000A/cancel",
        &json!({}),
        404,
    );
    server.stop();
}

#[test]
fn deleted_job_is_404_at_once_in_every_state() {
    let site = slow_site();
    let server = one_worker(&site);
    let client = server.client();
    let running = client.zip("/docs/long");
    let queued = client.zip("/docs/short");
    let waiting = thread::spawn({
        let path = format!("/v1/jobs/{running}?wait=50s");
        move || client.get(&path, 404)
    });
    for id in [&running, &queued] {
        let last = delete(&client, id, 200);
        assert_eq!(
            (&last["id"], &last["status"]),
            (&json!(id), &json!("deleted"))
        );
        client.get(&format!("/v1/jobs/{id}"), 404);
        client.get(&format!("/v1/downloads/{id}"), 404);
        delete(&client, id, 404);
        cancel(&client, id, 404);
    }
    waiting.join().expect("the waiting client is answered");
    // The worker is free again, and the canceled attempt leaves nothing.
    let done = client.zip("/docs/short");
    assert_eq!(client.ended(&done)["status"], "succeeded");
    delete(&client, &done, 200);
    client.get(&format!("/v1/downloads/{done}"), 404);
    server.stop();
    let database =
        rusqlite::Connection::open(site.data().join("cloakroom.db")).expect("the database");
    for table in ["job", "blob_chunk"] {
        let count: i64 = database
            .query_row(&format!("select count(*) from {table}"), [], |row| {
                row.get(0)
            })
            .expect("a count");
        assert_eq!(count, 0, "{table}");
    }
}

#[test]
fn canceled_and_deleted_jobs_do_not_rerun_after_a_crash() {
    let site = slow_site();
    let server = one_worker(&site);
    let client = server.client();
    let canceled = client.zip("/docs/long");
    cancel(&client, &canceled, 202);
    server.kill();
    let server = one_worker(&site);
    let client = server.client();
    let job = client.get(&format!("/v1/jobs/{canceled}"), 200).json();
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&json!("canceled"), &json!(1))
    );
    let deleted = client.zip("/docs/long");
    delete(&client, &deleted, 200);
    server.kill();
    let server = one_worker(&site);
    server.client().get(&format!("/v1/jobs/{deleted}"), 404);
    server.client().get(&format!("/v1/jobs/{canceled}"), 200);
    server.stop();
}

#[test]
fn racing_finish_cancel_and_delete_have_one_outcome() {
    let site = Site::new();
    site.write("a", &incompressible(100_000));
    let server = site.serve();
    let client = server.client();
    let mut ends = [0; 3];
    for round in 0..150_u64 {
        let id = client.zip("/docs/a");
        thread::sleep(Duration::from_micros(round * 7919 % 6000));
        let (cancel, deleted) = thread::scope(|scope| {
            let cancel = scope.spawn(|| {
                client
                    .try_ask("POST", &format!("/v1/jobs/{id}/cancel"), &[], b"")
                    .expect("a reply")
                    .status
            });
            let delete = |delay: Duration| {
                thread::sleep(delay);
                client
                    .try_ask("DELETE", &format!("/v1/jobs/{id}"), &[], b"")
                    .expect("a reply")
                    .status
            };
            let deletes = (round % 3 == 0).then(|| {
                [
                    scope.spawn(move || delete(Duration::ZERO)),
                    scope.spawn(move || delete(Duration::from_micros(200))),
                ]
            });
            let deletes = deletes.map(|both| both.map(|delete| delete.join().expect("a delete")));
            (cancel.join().expect("a cancel"), deletes)
        });
        assert!([200, 202, 404, 409].contains(&cancel), "{cancel}");
        if let Some(deletes) = deleted {
            // Two racing requests may both report the same outcome.
            assert!(
                deletes.contains(&200) && deletes.iter().all(|s| [200, 404].contains(s)),
                "{deletes:?}"
            );
            client.get(&format!("/v1/jobs/{id}"), 404);
            client.get(&format!("/v1/downloads/{id}"), 404);
            ends[0] += 1;
            continue;
        }
        let job = client.ended(&id);
        let expected = if cancel == 409 {
            "succeeded"
        } else {
            "canceled"
        };
        assert_eq!(job["status"], expected, "{cancel}");
        ends[if cancel == 409 { 1 } else { 2 }] += 1;
        assert_eq!(client.ended(&id), job, "an end is final");
        client.get(
            &format!("/v1/downloads/{id}"),
            if cancel == 409 { 200 } else { 404 },
        );
    }
    assert!(
        ends.iter().all(|count| *count > 0),
        "each end was seen: {ends:?}"
    );
    server.stop();
}

#[test]
fn job_that_kills_the_server_is_tried_three_times() {
    let site = Site::new();
    site.write("a", b"a");
    let mut id = None;
    for start in 0..3 {
        let mut command = site.command();
        command.env("CLOAKROOM_FAULT", "in-attempt");
        let Ok(mut server) = site.try_serve_with(command) else {
            assert!(start > 0, "without a job it starts");
            continue;
        };
        if id.is_none() {
            let body = json!({ "path": "/docs/a" }).to_string();
            let headers = [("content-type", "application/json")];
            let reply =
                server
                    .client()
                    .try_ask("POST", "/v1/operations/zip", &headers, body.as_bytes());
            id = Some(reply.map_or_else(
                |_| String::new(),
                |r| r.json()["id"].as_str().expect("an id").to_owned(),
            ));
        }
        assert!(!server.wait().success());
    }
    let server = site.serve();
    let client = server.client();
    // The reply may be lost with the server; the job is the first one.
    let database =
        rusqlite::Connection::open(site.data().join("cloakroom.db")).expect("the database");
    let (attempt, state): (i64, String) = database
        .query_row("select attempt, state from job where seq = 1", [], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .expect("a row");
    drop(database);
    assert_eq!((attempt, state.as_str()), (3, "failed"));
    if let Some(id) = id.filter(|id| !id.is_empty()) {
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        assert_eq!(job["error"]["code"], "interrupted", "{job}");
    }
    server.stop();
}

#[test]
fn accepted_job_survives_an_abort_at_any_failpoint() {
    for point in ["before-commit", "after-commit"] {
        for pass in 2..8 {
            let site = Site::new();
            site.write("a", b"a");
            let mut command = site.command();
            command.env("CLOAKROOM_FAULT", format!("{point}:{pass}"));
            let Ok(server) = site.try_serve_with(command) else {
                continue;
            };
            let client = server.client();
            let mut accepted = Vec::new();
            let headers = [("content-type", "application/json")];
            let body = json!({ "path": "/docs/a" }).to_string();
            while let Ok(reply) =
                client.try_ask("POST", "/v1/operations/zip", &headers, body.as_bytes())
            {
                accepted.push(reply.json()["id"].as_str().expect("an id").to_owned());
            }
            drop(server);
            site.check_tables();
            let server = site.serve();
            for id in accepted {
                assert_eq!(
                    server.client().ended(&id)["status"],
                    "succeeded",
                    "{point}:{pass}"
                );
            }
            server.stop();
        }
    }
}

#[test]
fn second_signal_stops_the_server_at_once() {
    let site = slow_site();
    let mut command = site.command();
    command.args(["--drain-timeout", "50s"]);
    let mut server = site.serve_with(command);
    let id = server.client().zip("/docs/long");
    server.signal(Signal::TERM);
    // This file is removed when the first signal arrives.
    let announcement = site.data().join("server.json");
    wait_for("the stop", || (!announcement.exists()).then_some(()));
    server.signal(Signal::INT);
    assert!(!server.wait().success());
    drop(server);
    let server = one_worker(&site);
    assert_eq!(
        server.client().get(&format!("/v1/jobs/{id}"), 200).json()["attempt"],
        2
    );
    server.stop();
}

#[test]
fn server_stop_answers_long_polls() {
    let site = slow_site();
    let mut server = one_worker(&site);
    let client = server.client();
    let id = client.zip("/docs/long");
    // Two requests at once: when the first is answered, the second is being waited for.
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let host = format!("host: {}", server.address());
    let requests = ["/healthz", &format!("/v1/jobs/{id}?wait=50s")]
        .map(|path| format!("GET {path} HTTP/1.1\r\n{host}\r\n\r\n"));
    stream
        .write_all(requests.concat().as_bytes())
        .expect("it is sent");
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).expect("a reply");
    let healthy = str::from_utf8(&buffer[..length]).expect("text");
    assert!(healthy.ends_with("{\"status\":\"ok\"}"), "{healthy}");
    assert!(server.terminate().success());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("\"status\":\"running\""), "{answer}");
    site.check_tables();
}

#[test]
fn expired_jobs_free_disk_space() {
    let site = Site::new();
    site.write("a", &incompressible(8 << 20));
    let mut command = site.command();
    command.args(["--idle-timeout", "1s"]);
    let server = site.serve_with(command);
    let client = server.client();
    let id = client.zip("/docs/a");
    assert_eq!(client.ended(&id)["status"], "succeeded");
    client.get(&format!("/v1/downloads/{id}"), 200);
    let length = || {
        site.data()
            .join("cloakroom.db")
            .metadata()
            .expect("the database")
            .len()
    };
    wait_for("the file to grow", || (length() > 4 << 20).then_some(()));
    wait_for("the file to shrink", || (length() < 2 << 20).then_some(()));
    client.get(&format!("/v1/jobs/{id}"), 404);
    client.get(&format!("/v1/downloads/{id}"), 404);
    server.stop();
}
