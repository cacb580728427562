//! Output below roots: once the intent is stored, the job can no longer be canceled; before that, a cancel leaves
//! nothing.

mod crash;
mod names;
mod power;
mod remount;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::copy::names;
use crate::harness::{AtGate, Client, Gate, Mount, Server, Site, wait_for};
use crate::origin::{Origin, reply};

/// The failpoints that an attempt passes: before the intent is stored, before the rename, and after it.
const POINTS: [&str; 4] = ["intending", "intended", "renamed", "placed"];
/// Longer than the deadlines of the operations here.
const DEADLINE: Duration = Duration::from_millis(1100);
const FETCHED: &[u8] = b"what was fetched";

/// A job that publishes `/docs/made`.
struct Case {
    what: &'static str,
    operation: &'static str,
    params: Value,
    /// The file is the result itself.
    is_output: bool,
    /// A folder `made` with a file `old` exists before.
    replaces: bool,
}

/// Every kind of job that can write below a root.
fn cases(origin: &Origin) -> Vec<Case> {
    let case = |what, operation, params| Case {
        what,
        operation,
        params,
        is_output: matches!(operation, "zip" | "make"),
        replaces: what == "copied over a folder",
    };
    let to = "/docs/made";
    vec![
        case(
            "a folder",
            "copy",
            json!({ "from": "/docs/tree", "to": to }),
        ),
        case(
            "copied over a folder",
            "copy",
            json!({ "from": "/docs/tree", "to": to, "conflict": "replace" }),
        ),
        case(
            "a file",
            "copy",
            json!({ "from": "/docs/tree/a/one", "to": to }),
        ),
        case(
            "fetched",
            "fetch",
            json!({ "uri": origin.url("/"), "to": to }),
        ),
        case("an archive", "zip", json!({ "path": "/docs/tree" })),
        case("a command's", "make", json!({})),
    ]
}

/// A job stopped at a failpoint of its attempt. What holds it there is dropped first.
struct Stopped {
    held: AtGate,
    id: String,
    server: Server,
    site: Site,
}

fn origin() -> Origin {
    Origin::saying(reply("200 OK", "", FETCHED))
}

impl Case {
    fn plant(&self, site: &Site) {
        for (name, bytes) in [
            ("tree/a/one", "1"),
            ("tree/b/two", "22"),
            ("tree/three", "333"),
        ] {
            site.write(name, bytes.as_bytes());
        }
        if self.replaces {
            site.write("made/old", b"old");
        }
    }

    fn submit(&self, client: Client) -> String {
        let output = if self.is_output {
            "?output=/docs/made"
        } else {
            ""
        };
        let path = format!("/v1/operations/{}{output}", self.operation);
        let job = client.post(&path, &self.params, 202).json();
        job["id"].as_str().expect("an id").to_owned()
    }

    /// Runs the job up to a failpoint.
    fn stopped_at(&self, point: &str, configuration: &str) -> Stopped {
        let site = Site::new();
        self.plant(&site);
        let gate = Gate::new(&site);
        let server = serve(&site, configuration, &gate.at(point));
        let id = self.submit(server.client());
        Stopped {
            held: gate.reached(),
            id,
            server,
            site,
        }
    }

    /// Whether nothing of the job is left: everything is as it was planted.
    fn is_undone(&self, site: &Site) -> bool {
        let mut names = names(&site.docs());
        names.retain(|name| name != "lost+found");
        if self.replaces {
            names == ["made", "tree"] && site.docs().join("made/old").exists()
        } else {
            names == ["tree"]
        }
    }

    /// Whether the job has published its output, and nothing else is left.
    fn is_done(&self, site: &Site) -> bool {
        let mut names = names(&site.docs());
        names.retain(|name| name != "lost+found");
        let made = site.docs().join("made");
        names == ["made", "tree"]
            && match self.operation {
                "copy" if made.is_dir() => {
                    crate::zip::files_below(&made, "x")
                        == crate::zip::files_below(&site.docs().join("tree"), "x")
                }
                "copy" => fs::read(made).is_ok_and(|bytes| bytes == b"1"),
                "fetch" => fs::read(made).is_ok_and(|bytes| bytes == FETCHED),
                "make" => fs::read(made).is_ok_and(|bytes| bytes == b"made\n"),
                _ => fs::read(made).is_ok_and(|bytes| bytes.starts_with(b"PK")),
            }
    }

    fn assert_undone(&self, site: &Site, at: &str) {
        let docs = names(&site.docs());
        assert!(self.is_undone(site), "{}, {at}: {docs:?}", self.what);
    }

    fn assert_done(&self, site: &Site, at: &str) {
        let docs = names(&site.docs());
        assert!(self.is_done(site), "{}, {at}: {docs:?}", self.what);
    }
}

/// A server with an operation `make` and a failpoint.
fn serve(site: &Site, configuration: &str, fault: &str) -> Server {
    site.serve_with(command(site, configuration, fault))
}

fn command(site: &Site, configuration: &str, fault: &str) -> Command {
    let path: PathBuf = site.path().join("cloakroom.toml");
    let make = "[operations.make]\ncommand = ['sh', '-c', 'echo made']\n";
    fs::write(&path, format!("{configuration}\n{make}")).expect("a file");
    let mut command = site.command();
    command.arg("--config").arg(path);
    command.args(["--drain-timeout", "0s"]);
    command.env("CLOAKROOM_FAULT", fault);
    command
}

/// Whether the server has begun to stop.
fn is_stopping(client: Client) -> bool {
    let ready = client.try_ask("GET", "/readyz", &[], b"");
    ready.is_err() || ready.is_ok_and(|reply| reply.status != 200)
}

fn status(client: Client, method: &str, path: &str) -> u16 {
    let reply = client.try_ask(method, path, &[], b"").expect("a reply");
    reply.status
}

fn is_gone(client: Client, id: &str) -> bool {
    status(client, "GET", &format!("/v1/jobs/{id}")) == 404
}

#[test]
fn cancel_leaves_nothing_or_is_409_once_finalizing() {
    let origin = origin();
    for case in cases(&origin) {
        for point in POINTS {
            let Stopped {
                site,
                server,
                id,
                held,
            } = case.stopped_at(point, "");
            let client = server.client();
            let path = format!("/v1/jobs/{id}/cancel");
            let reply = client.try_ask("POST", &path, &[], b"").expect("a reply");
            drop(held);
            let answer = reply.status;
            let job = client.ended(&id);
            if point == "intending" {
                assert_eq!(answer, 202, "{}, {point}", case.what);
                assert_eq!(job["status"], "canceled", "{}, {point}: {job}", case.what);
                case.assert_undone(&site, point);
            } else {
                assert_eq!(answer, 409, "{}, {point}", case.what);
                let problem = reply.json();
                assert_eq!(
                    (&problem["code"], &problem["detail"]),
                    (
                        &json!("already_ended"),
                        &json!("The running job is already storing its result.")
                    )
                );
                assert_eq!(job["status"], "succeeded", "{}, {point}: {job}", case.what);
                case.assert_done(&site, point);
            }
            server.stop();
        }
    }
}

#[test]
fn delete_leaves_nothing_or_complete_output_once_finalizing() {
    let origin = origin();
    for case in cases(&origin) {
        for point in POINTS {
            let Stopped {
                site,
                server,
                id,
                held,
            } = case.stopped_at(point, "");
            let client = server.client();
            assert_eq!(status(client, "DELETE", &format!("/v1/jobs/{id}")), 200);
            assert!(is_gone(client, &id));
            drop(held);
            let is_right = || {
                if point == "intending" {
                    case.is_undone(&site)
                } else {
                    case.is_done(&site)
                }
            };
            wait_for(&format!("{}, {point}: its end", case.what), || {
                is_right().then_some(())
            });
            server.stop();
            assert!(is_right(), "{}, {point}", case.what);
        }
    }
}

#[test]
fn deadline_passing_while_finalizing_does_not_fail_the_job() {
    let origin = origin();
    let configuration = ["copy", "fetch", "zip"]
        .map(|operation| format!("[operations.{operation}]\ntimeout = '1s'\n"))
        .concat();
    for case in cases(&origin) {
        if case.operation == "make" {
            continue;
        }
        for point in ["intending", "renamed", "placed"] {
            let Stopped {
                site,
                server,
                id,
                held,
            } = case.stopped_at(point, &configuration);
            let client = server.client();
            let began = Instant::now();
            // A deadline that passes without effect cannot be observed.
            wait_for("the deadline", || {
                (began.elapsed() > DEADLINE).then_some(())
            });
            drop(held);
            let job = client.ended(&id);
            if point == "intending" {
                assert_eq!(job["error"]["code"], "timed_out", "{}: {job}", case.what);
                case.assert_undone(&site, point);
            } else {
                assert_eq!(job["status"], "succeeded", "{}: {job}", case.what);
                case.assert_done(&site, point);
            }
            server.stop();
        }
    }
}

#[test]
fn full_database_disk_does_not_fail_a_published_result() {
    let origin = origin();
    for case in cases(&origin) {
        if case.is_output {
            continue;
        }
        let site = Site::new();
        let data = ["-t", "tmpfs", "-o", "size=24m", "tmpfs"];
        let Some(_data) = Mount::new(&data, &site.data()) else {
            return;
        };
        case.plant(&site);
        let gate = Gate::new(&site);
        let server = serve(&site, "", &gate.at("placed"));
        let client = server.client();
        let id = case.submit(client);
        let held = gate.reached();
        let filler = site.data().join("filler");
        let mut file = fs::File::create(&filler).expect("a file");
        while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
        drop(held);
        wait_for("the end of the copying", || {
            let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
            (job["phase"] == "Copied" || job["phase"] == "Fetched").then_some(())
        });
        fs::remove_file(&filler).expect("it goes");
        let job = client.ended(&id);
        assert_eq!(job["status"], "succeeded", "{}: {job}", case.what);
        case.assert_done(&site, "placed");
        server.stop();
    }
}
