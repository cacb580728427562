//! Database files that disappear while they are in use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Client, Server, Site};

/// A server on a site that logs to a file.
struct Watched {
    site: Site,
    server: Server,
    log: PathBuf,
    /// A finished, acknowledged job.
    job: String,
}

fn serve(planned: &str) -> Watched {
    let site = Site::new();
    site.write("a", b"a");
    let log = site.path().join("log");
    let mut command = site.command();
    command.stderr(fs::File::create(&log).expect("a file"));
    command.env("CLOAKROOM_FAULT", planned);
    let server = site.serve_with(command);
    let job = server.client().zip("/docs/a");
    server.client().ended(&job);
    Watched {
        site,
        server,
        log,
        job,
    }
}

/// Submits a job; `None` if the server does not answer.
fn submit(client: Client) -> Option<(u16, Value)> {
    let body = json!({ "path": "/docs/a" }).to_string();
    let headers = [("content-type", "application/json")];
    let reply = client.try_ask("POST", "/v1/operations/zip", &headers, body.as_bytes());
    reply.ok().map(|reply| (reply.status, reply.json()))
}

/// The server must stop by itself and report the reason, with and without requests; it must acknowledge nothing after
/// `harm`. Once `mend` has undone the harm, the next server must have all acknowledged jobs.
fn check(harm: impl Fn(&Path), word: &str, mend: impl Fn(&Path)) {
    for with_requests in [true, false] {
        let mut watched = serve("");
        let data = watched.site.data();
        harm(&data);
        if with_requests {
            while let Some((status, problem)) = submit(watched.server.client()) {
                assert_eq!(status, 503, "{problem}");
                let code = problem["code"].as_str().expect("a code");
                assert!(
                    ["store_failed", "server_stopping"].contains(&code),
                    "{problem}"
                );
            }
        }
        assert_eq!(watched.server.wait().code(), Some(3));
        let log = fs::read_to_string(&watched.log).expect("a log");
        assert!(log.contains("ERROR") && log.contains(word), "{log}");
        mend(&data);
        let server = watched.site.serve();
        server
            .client()
            .get(&format!("/v1/jobs/{}", watched.job), 200);
        server
            .client()
            .get(&format!("/v1/downloads/{}", watched.job), 200);
        server.stop();
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[test]
fn removed_database_stops_the_server_and_is_not_recreated() {
    check(
        |data| {
            let database = data.join("cloakroom.db");
            fs::rename(&database, beside(&database, ".away")).expect("it is there");
        },
        "cloakroom.db was removed while it was open",
        |data| {
            let database = data.join("cloakroom.db");
            let refused = Command::new(env!("CARGO_BIN_EXE_cloakroom"))
                .args(["serve", "--listen", "127.0.0.1:0", "--data"])
                .arg(data)
                .output()
                .expect("it ends");
            assert_eq!(refused.status.code(), Some(3), "{refused:?}");
            let words = String::from_utf8_lossy(&refused.stderr);
            assert!(words.contains("is missing"), "{words}");
            assert!(!database.exists(), "no new one is made");
            fs::rename(beside(&database, ".away"), &database).expect("it is there");
        },
    );
}

#[test]
fn replaced_database_stops_the_server() {
    check(
        |data| {
            let database = data.join("cloakroom.db");
            let copy = beside(&database, ".copy");
            fs::copy(&database, &copy).expect("a copy");
            fs::rename(copy, database).expect("it can be replaced");
        },
        "cloakroom.db was replaced while it was open",
        |_| {},
    );
}

#[test]
fn acknowledged_jobs_survive_removal_of_the_wal() {
    check(
        |data| fs::remove_file(data.join("cloakroom.db-wal")).expect("it is there"),
        "cloakroom.db-wal was removed while it was open",
        |_| {},
    );
}

#[test]
fn removed_shm_file_is_recreated_at_the_next_start() {
    let mut watched = serve("");
    let shared_memory = watched.site.data().join("cloakroom.db-shm");
    fs::remove_file(shared_memory).expect("it is there");
    // Until the server checks the file, its jobs are still safe.
    let late = submit(watched.server.client());
    assert_eq!(watched.server.wait().code(), Some(3));
    let server = watched.site.serve();
    let late = late.filter(|(status, _)| *status == 202);
    let late = late.map(|(_, job)| job["id"].as_str().expect("an id").to_owned());
    for id in late.iter().chain([&watched.job]) {
        assert_eq!(server.client().ended(id)["status"], "succeeded");
    }
    server.stop();
}

#[test]
fn moved_data_folder_stops_the_server() {
    check(
        |data| fs::rename(data, beside(data, ".away")).expect("it is there"),
        "was removed while it was open",
        |data| fs::rename(beside(data, ".away"), data).expect("it is there"),
    );
}

#[test]
fn disabled_file_watch_loses_acknowledged_jobs() {
    let watched = serve("files-unwatched");
    fs::remove_file(watched.site.data().join("cloakroom.db")).expect("it is there");
    let (status, reply) = submit(watched.server.client()).expect("a reply");
    assert_eq!(status, 202, "{reply}");
    watched.server.kill();
}
