//! Clients of other systems: the documented exchanges, request by request.

mod custom;
mod deltaxml;
mod driveonweb;
mod onedrive;

use serde_json::{Value, json};

use crate::harness::{Client, Reply, Site};

/// Sends a request without checking the reply.
fn ask(client: Client, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let mut headers = headers.to_vec();
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    let reply = client.try_ask(method, path, &headers, body.as_bytes());
    reply.expect("a reply")
}

#[test]
fn only_enabled_dialects_have_routes() {
    let check = |asked: &str, [driveonweb, onedrive, compare, merge]: [bool; 4]| {
        let site = Site::new();
        let mut command = site.command();
        command.args(["--dialects", asked]);
        let server = site.serve_with(command);
        let client = server.client();
        let paths = client.get("/openapi.json", 200).json()["paths"].clone();
        for (path, is_there) in [("/rest/folders", driveonweb), ("/drive/root", onedrive)] {
            let reply = ask(client, "GET", path, &[], &Value::Null);
            assert_eq!(
                reply.status,
                if is_there { 200 } else { 404 },
                "{asked} {path}"
            );
            assert_eq!(paths[path].is_object(), is_there, "{asked} {path}");
        }
        let lost = ask(client, "GET", "/v1.0/drive/items/7", &[], &Value::Null).json();
        let is_problem = lost["code"] == "not_found";
        assert_eq!(is_problem, !onedrive, "{lost}");
        for (path, is_there) in [
            ("/api/xml-data-compare/v1/compare", compare),
            ("/api/xmlmerge/v1/types/threeway", merge),
        ] {
            let reply = ask(client, "GET", path, &[], &Value::Null);
            let (status, shape) = if is_there {
                (405, "application/xml")
            } else {
                (404, "application/problem+json")
            };
            assert_eq!(reply.status, status, "{asked} {path}");
            assert_eq!(reply.header("content-type"), shape, "{asked} {path}");
            assert_eq!(paths[path].is_object(), is_there, "{asked} {path}");
        }
        server.stop();
    };
    check("all", [true; 4]);
    check("none", [false; 4]);
    check("onedrive", [false, true, false, false]);
    check("driveonweb", [true, false, false, false]);
    check("xml-data-compare", [false, false, true, false]);
    check("xml-merge", [false, false, false, true]);
}

#[test]
fn described_methods_are_allowed_and_others_405() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let description = client.get("/openapi.json", 200).json();
    let mut described = 0;
    for (path, item) in description["paths"].as_object().expect("paths") {
        let prefixes = ["/rest/", "/drive/", "/api/"];
        if !prefixes.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        let address: Vec<_> = path
            .split('/')
            .map(|part| match part {
                "{uuid}" => "0192f5b2-0000-0000-0000-00000000000a",
                part if part.starts_with('{') => "7",
                part => part,
            })
            .collect();
        let options = ask(client, "OPTIONS", &address.join("/"), &[], &Value::Null);
        let mut methods = vec!["OPTIONS"];
        if item["get"].is_object() {
            methods.push("GET");
            // Routes that start jobs reject prefetches.
            if item["get"]["responses"]["303"].is_null() {
                methods.push("HEAD");
            }
        }
        if item["post"].is_object() {
            methods.push("POST");
        }
        if item["delete"].is_object() {
            methods.push("DELETE");
        }
        methods.sort_unstable();
        let mut allowed: Vec<_> = options.header("allow").split(", ").collect();
        allowed.sort_unstable();
        assert_eq!(allowed, methods, "{path}");
        described += 1;
    }
    assert_eq!(described, 22);
}

#[test]
fn item_numbers_survive_restarts_but_not_renames() {
    let site = Site::new();
    site.write("folder/a", b"a");
    site.write("b", b"bb");
    let list = |client: Client| {
        let roots = client.get("/rest/folders", 200).json();
        let root = roots[0]["id"].clone();
        (
            roots,
            client.get(&format!("/rest/folders/{root}"), 200).json(),
        )
    };
    let server = site.serve();
    let before = list(server.client());
    let (file, folder) = (&before.1[0], &before.1[1]);
    assert_eq!(file["name"], "b");
    assert_eq!(folder["name"], "folder");
    assert_eq!(file["size"], 2);
    let same = server
        .client()
        .get(&format!("/drive/items/{}", folder["id"]), 200);
    assert_eq!(same.json()["name"], "folder");
    server.kill();
    let server = site.serve();
    let client = server.client();
    assert_eq!(list(client), before);
    let docs = site.docs();
    std::fs::rename(docs.join("folder"), docs.join("folded")).expect("a new name");
    let after = list(client).1;
    assert_eq!(after[0], *file);
    assert_eq!(after[1]["name"], "folded");
    assert_ne!(after[1]["id"], folder["id"]);
    client.get(&format!("/rest/folders/{}", folder["id"]), 404);
    for lost in [
        "/rest/folders/999999",
        "/rest/files/999999/download",
        "/rest/folders/x",
    ] {
        client.get(lost, 404);
    }
    let missing = ask(client, "GET", "/drive/items/999999", &[], &Value::Null);
    assert_eq!(missing.status, 404);
    let code = &missing.json()["error"]["code"];
    assert_eq!(code, &json!("itemNotFound"));
    server.stop();
}
