//! The token file: what happens when it changes, is damaged or is lost, and what ends with a token.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use rusqlite::Connection;
use serde_json::json;

use crate::harness::{Client, Server, Site, TEST_TIMEOUT, wait_for};

fn token(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.arg("token").args(arguments).arg("--data");
    command.arg(site.data()).output().expect("it runs")
}

fn edit(site: &Site, arguments: &[&str]) {
    let output = token(site, arguments);
    assert!(output.status.success(), "{output:?}");
}

/// Starts a server that must exit by itself; returns its exit code and error output.
fn refused(site: &Site) -> (Option<i32>, String) {
    let output = site.command().output().expect("it ends");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), message)
}

fn status(client: &Client, path: &str, header: &str) -> u16 {
    let reply = client.try_ask("GET", path, &[("authorization", header)], b"");
    reply.expect("a reply").status
}

fn closes(client: &Client) {
    wait_for("401 without a token", || {
        (status(client, "/v1/jobs", "none") == 401).then_some(())
    });
}

#[test]
fn damaged_or_missing_token_file_prevents_the_start() {
    let site = Site::new();
    site.token("anna", &[]);
    site.token("ben", &["--admin"]);
    let file = site.data().join("tokens");
    let whole = fs::read(&file).expect("a file");
    let line = whole.iter().position(|b| *b == b'\n').expect("a line");
    let cuts = [0, 1, line, line + 1, line + 9, whole.len() - 9];
    for damaged in cuts.map(|cut| whole[..cut].to_vec()).into_iter().chain([
        b"\n\n".to_vec(),
        vec![0; whole.len()],
        vec![0xff; 8],
    ]) {
        fs::write(&file, &damaged).expect("it can be written");
        let (code, message) = refused(&site);
        assert_eq!(code, Some(3), "{message} of {damaged:?}");
        assert!(message.contains("cloakroom token off"), "{message}");
    }
    for what in ["missing", "not readable"] {
        fs::remove_file(&file).expect("it was there");
        if what == "not readable" {
            fs::create_dir(&file).expect("a folder in its place");
        }
        let (code, message) = refused(&site);
        assert_eq!(code, Some(3), "{what}: {message}");
        assert!(message.contains("cloakroom token off"), "{message}");
        assert!(!site.data().join("cloakroom.db").exists(), "{what}");
        if what == "missing" {
            fs::write(&file, &whole).expect("it can be written");
        }
    }
    fs::remove_dir(&file).expect("it was there");
    // A lost file can be created again.
    let anna = site.token("anna", &[]);
    let server = site.serve();
    let client = server.client();
    assert_eq!(status(&client, "/v1/jobs", &anna), 200);
    client.get("/v1/jobs", 401);
    server.stop();
}

#[test]
fn database_remembers_that_requests_need_a_token() {
    let site = Site::new();
    site.token("anna", &[]);
    site.serve().stop();
    for entry in fs::read_dir(site.data()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name.starts_with("tokens") {
            fs::remove_file(path).expect("it was there");
        }
    }
    let (code, message) = refused(&site);
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("cloakroom token off"), "{message}");
    edit(&site, &["off"]);
    let server = site.serve();
    server.client().get("/v1/jobs", 200);
    server.stop();
    // With tokens turned off, no file is needed.
    fs::remove_file(site.data().join("tokens")).expect("it was there");
    let server = site.serve();
    server.client().get("/v1/jobs", 200);
    server.stop();
}

#[test]
fn removing_the_last_token_rejects_all_requests() {
    let site = Site::new();
    let anna = site.token("anna", &[]);
    edit(&site, &["remove", "anna"]);
    let list = token(&site, &["list"]);
    assert!(list.status.success() && list.stdout.is_empty(), "{list:?}");
    let server = site.serve();
    let client = server.client();
    client.get("/v1/jobs", 401);
    assert_eq!(status(&client, "/v1/jobs", &anna), 401);
    // Off, on and off again, while the server runs.
    edit(&site, &["off"]);
    wait_for("200 without a token", || {
        (status(&client, "/v1/jobs", "none") == 200).then_some(())
    });
    let ben = site.token("ben", &[]);
    closes(&client);
    assert_eq!(status(&client, "/v1/jobs", &ben), 200);
    server.stop();
}

#[test]
fn losing_the_token_file_while_serving_changes_nothing() {
    let site = Site::new();
    let anna = site.token("anna", &[]);
    let log = site.path().join("log");
    let mut command = site.command();
    command.stderr(fs::File::create(&log).expect("a file"));
    let server = site.serve_with(command);
    let client = server.client();
    let file = site.data().join("tokens");
    let faults = [
        (Some(&b""[..]), "is empty"),
        (Some(&b"anna 00"[..]), "tokens:1: expected"),
        (None, "is missing"),
    ];
    for (damaged, message) in faults {
        match damaged {
            Some(bytes) => fs::write(&file, bytes).expect("it can be written"),
            None => fs::remove_file(&file).expect("it was there"),
        }
        wait_for(message, || {
            let log = fs::read_to_string(&log).expect("a log");
            log.contains(message).then_some(())
        });
        client.get("/v1/jobs", 401);
        assert_eq!(status(&client, "/v1/jobs", &anna), 200);
    }
    server.stop();
}

#[test]
fn turning_tokens_off_does_not_open_an_exposed_server() {
    let site = Site::new();
    let anna = site.token("anna", &[]);
    let log = site.path().join("log");
    let mut command = site.command();
    command.args(["--public-url", "https://example.org"]);
    command.stderr(fs::File::create(&log).expect("a file"));
    let server = site.serve_with(command);
    let client = server.client();
    edit(&site, &["off"]);
    wait_for("a message", || {
        let log = fs::read_to_string(&log).expect("a log");
        log.contains("tokens cannot be turned off").then_some(())
    });
    client.get("/v1/jobs", 401);
    assert_eq!(status(&client, "/v1/jobs", &anna), 200);
    server.stop();
    let mut command = site.command();
    command.args(["--public-url", "https://example.org"]);
    let output = command.stderr(Stdio::piped()).output().expect("it ends");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Sends a GET with a token; reads the head of the reply if one comes at once.
fn open(server: &Server, path: &str, token: &str, waits_for_head: bool) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    if waits_for_head {
        stream.read_line(&mut line).expect("a head");
        assert!(line.starts_with("HTTP/1.1 200 "), "{path}: {line}");
    }
    stream
}

#[test]
fn replacing_a_token_ends_sessions_and_streams_of_the_old_one() {
    let site = Site::new();
    fs::write(
        site.docs().join("large"),
        crate::harness::incompressible(64 << 20),
    )
    .expect("a file");
    let anna = site.token("anna", &[]);
    let server = site.serve_configured("[operations.slow]\ncommand = ['sleep', '50']\n");
    let client = server.client();
    let submit = |path: &str, params| {
        let headers = [
            ("authorization", &*anna),
            ("content-type", "application/json"),
        ];
        let body = serde_json::Value::to_string(&params);
        let reply = client.ask("POST", path, &headers, body.as_bytes(), 202);
        reply.json()["id"].as_str().expect("an id").to_owned()
    };
    let slow = submit("/v1/operations/slow", json!({}));
    let large = submit(
        "/v1/operations/zip?keep=false",
        json!({ "path": "/docs/large", "level": 0 }),
    );
    wait_for("the result", || {
        let reply = client.ask(
            "GET",
            &format!("/v1/jobs/{large}?wait=20s"),
            &[("authorization", &anna)],
            b"",
            200,
        );
        (reply.json()["status"] == "succeeded").then_some(())
    });
    let mut streams = vec![
        open(&server, "/v1/events", &anna, true),
        open(&server, &format!("/v1/jobs/{slow}/events"), &anna, true),
        open(&server, &format!("/v1/jobs/{slow}/log?follow"), &anna, true),
    ];
    let mut polls = vec![
        open(&server, &format!("/v1/jobs/{slow}?wait=50s"), &anna, false),
        open(
            &server,
            &format!("/v1/downloads/{slow}?wait=50s"),
            &anna,
            false,
        ),
    ];
    let mut download = open(&server, &format!("/v1/downloads/{large}"), &anna, true);
    let reply = client.ask("POST", "/session", &[("authorization", &anna)], b"", 204);
    let cookie = reply
        .header("set-cookie")
        .split(';')
        .next()
        .expect("a pair")
        .to_owned();

    edit(&site, &["remove", "anna"]);
    let again = site.token("anna", &[]);
    for stream in &mut streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("an end");
        assert!(rest.ends_with(b"0\r\n\r\n"), "a stream ends in order");
    }
    for poll in &mut polls {
        let mut reply = String::new();
        poll.read_to_string(&mut reply).expect("a reply");
        assert!(reply.starts_with("HTTP/1.1 401 "), "{reply}");
    }
    let mut part = Vec::new();
    let _ = download.read_to_end(&mut part);
    assert!(
        part.len() < 64 << 20,
        "the download was cut: {}",
        part.len()
    );
    let own = ("sec-fetch-site", "same-origin");
    client.ask("GET", "/v1/jobs", &[("cookie", &cookie), own], b"", 401);
    // Jobs belong to the token's name, and the result was not consumed.
    let reply = client.try_ask(
        "GET",
        &format!("/v1/downloads/{large}"),
        &[("authorization", &again)],
        b"",
    );
    let reply = reply.expect("a reply");
    assert!(reply.status == 200 && reply.body.len() > 64 << 20);
    server.stop();
}

#[test]
fn foreign_jobs_are_404_like_unknown_ones_in_every_dialect() {
    let site = Site::new();
    site.write("a", b"a");
    let (anna, ben) = (site.token("anna", &[]), site.token("ben", &[]));
    let server = site.serve_configured(
        "[operations.slow]\ncommand = ['sleep', '50']\n\
         [[route]]\noperation = \"slow\"\nsubmit = \"/x/jobs\"\nstatus = \"/x/jobs/{id}\"\nresult = \"/x/jobs/{id}/result\"\n",
    );
    let client = server.client();
    let ended = client.zip_as(&anna, "/docs/a");
    let headers = [
        ("authorization", &*anna),
        ("content-type", "application/json"),
    ];
    let running = client
        .ask("POST", "/v1/operations/slow", &headers, b"{}", 202)
        .json();
    let submitted = client.ask("POST", "/x/jobs", &headers, b"{}", 202);
    assert!(submitted.header("location").ends_with("/x/jobs/3"));
    let shapes = [
        ("GET", "/rest/jobs/zip/{seq}"),
        ("GET", "/rest/jobs/copy/{seq}"),
        ("GET", "/rest/files/{result}/download"),
        ("GET", "/rest/folders/{result}"),
        ("GET", "/rest/folders/{result}/zip"),
        ("GET", "/x/jobs/{seq}"),
        ("GET", "/x/jobs/{seq}/result"),
        ("GET", "/drive/items/{result}"),
        ("GET", "/v1.0/me/drive/items/{result}/children"),
        ("GET", "/v1/jobs/{id}"),
        ("GET", "/v1/jobs/{id}/log"),
        ("GET", "/v1/jobs/{id}/events"),
        ("GET", "/v1/downloads/{id}"),
        ("POST", "/v1/jobs/{id}/cancel"),
        ("POST", "/v1/jobs/{id}/retry"),
        ("DELETE", "/v1/jobs/{id}"),
        ("GET", "/api/xml-data-compare/v1/jobs/{uuid}"),
        ("DELETE", "/api/xml-data-compare/v1/jobs/{uuid}"),
        ("GET", "/api/xmlmerge/v1/downloads/{uuid}"),
    ];
    // A path with one of the job's ids, and the reply with that id removed.
    let ask = |method: &str, shape: &str, seq: i64, id: &str| {
        let bits: u128 = id.parse::<ulid::Ulid>().expect("an id").0;
        let hex = format!("{bits:032x}");
        let uuid = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ]
        .join("-");
        let names = [
            ("{seq}", seq.to_string()),
            ("{result}", (2 * seq).to_string()),
            ("{id}", id.to_owned()),
            ("{uuid}", uuid),
        ];
        let path = names.iter().fold(shape.to_owned(), |path, (place, name)| {
            path.replace(place, name)
        });
        let reply = client.try_ask(
            method,
            &path,
            &[("authorization", &ben), ("accept", "application/json")],
            b"",
        );
        let mut reply = reply.expect("a reply");
        reply.headers.remove("date");
        reply.headers.remove("x-request-id");
        reply.headers.remove("content-length");
        let body = String::from_utf8_lossy(&reply.body).replace(&path, "PATH");
        // DeltaXML's errors have an id that differs each time.
        let body = match serde_json::from_str::<serde_json::Value>(&body) {
            Ok(mut json) if json["errorId"].is_string() || json["ErrorId"].is_string() => {
                for name in ["errorId", "ErrorId", "timestamp"] {
                    json[name] = json!("");
                }
                json.to_string()
            }
            _ => body,
        };
        (reply.status, reply.headers, body)
    };
    for job in [&ended, &running] {
        let (seq, id) = (
            job["seq"].as_i64().expect("a number"),
            job["id"].as_str().expect("an id"),
        );
        let last = if id.ends_with('0') { "1" } else { "0" };
        let unknown = format!("{}{last}", &id[..id.len() - 1]);
        for (method, shape) in shapes {
            let foreign = ask(method, shape, seq, id);
            assert_eq!(foreign.0, 404, "{method} {shape}: {foreign:?}");
            assert_eq!(
                foreign,
                ask(method, shape, 99, &unknown),
                "{method} {shape}"
            );
        }
    }
    server.stop();
}

#[test]
fn token_changes_are_stored_in_file_and_database() {
    let site = Site::new();
    let remembered = || -> i64 {
        let database = Connection::open(site.data().join("cloakroom.db")).expect("it opens");
        let query = "select value from meta where key = 'tokens_required'";
        database
            .query_row(query, [], |row| row.get(0))
            .expect("a value")
    };
    site.serve().stop();
    assert_eq!(remembered(), 0);
    site.token("anna", &[]);
    site.serve().stop();
    assert_eq!(remembered(), 1);
    edit(&site, &["off"]);
    site.serve().stop();
    assert_eq!(remembered(), 0);
}
