//! The API description compared with the server.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Client, Site};

fn description(client: &Client) -> Value {
    let reply = client.get("/openapi.json", 200);
    assert_eq!(reply.header("content-type"), "application/json");
    reply.json()
}

#[test]
fn every_served_route_is_described() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve_example_with_docs();
    let client = server.client();
    let description = description(&client);
    let id = client.zip("/docs/a");
    let job = client.ended(&id);
    let monitor = job["links"]["monitor"].as_str().expect("a link");
    let token = monitor.rsplit('/').next().expect("a token");

    let routes = [
        ("GET", "/", 200),
        ("GET", "/metrics", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/v1/operations", 200),
        ("GET", "/v1/operations/zip", 200),
        ("GET", "/v1/operations/digest", 200),
        ("GET", "/v1/operations/copy", 200),
        ("GET", "/v1/operations/fetch", 200),
        ("GET", "/v1/operations/compare", 200),
        ("GET", "/v1/operations/merge", 200),
        ("GET", "/v1/operations/extract", 200),
        ("POST", "/v1/operations/zip", 422),
        ("POST", "/v1/operations/copy", 422),
        ("POST", "/v1/operations/fetch", 422),
        ("POST", "/v1/operations/digest", 422),
        ("POST", "/v1/operations/compare", 422),
        ("POST", "/v1/operations/merge", 422),
        ("POST", "/v1/operations/extract", 422),
        ("GET", "/v1/jobs", 200),
        ("GET", "/v1/jobs/{id}", 200),
        ("GET", "/v1/jobs/{id}/events", 200),
        ("GET", "/v1/jobs/{id}/log", 200),
        ("POST", "/v1/jobs/{id}/retry", 202),
        ("POST", "/v1/jobs/{id}/cancel", 409),
        ("GET", "/v1/downloads/{id}", 200),
        ("GET", "/monitor/{token}", 303),
        ("GET", "/monitor/{token}/events", 200),
        ("GET", "/monitor/{token}/result", 200),
        ("POST", "/session", 204),
        ("DELETE", "/v1/jobs/{id}", 200),
    ];
    for (method, path, status) in routes {
        let address = path.replace("{id}", &id).replace("{token}", token);
        client.ask(method, &address, &[], b"", status);
        let operation = &description["paths"][path][method.to_ascii_lowercase()];
        let described = &operation["responses"][status.to_string()];
        assert!(described.is_object(), "{method} {path} {status}");
    }

    // Conversely, every method in Allow is described.
    let paths = description["paths"].as_object().expect("paths");
    // The dialects have tests of their own.
    let is_native = |path: &str| {
        !["/rest/", "/drive/", "/api/"]
            .iter()
            .any(|ours| path.starts_with(ours))
    };
    let paths: Vec<_> = paths.iter().filter(|(path, _)| is_native(path)).collect();
    let mut ours: BTreeSet<_> = routes.iter().map(|(_, path, _)| *path).collect();
    // An endless stream, which has tests of its own.
    ours.insert("/v1/events");
    assert_eq!(
        paths
            .iter()
            .map(|(path, _)| path.as_str())
            .collect::<BTreeSet<_>>(),
        ours
    );
    for (path, item) in paths {
        let address = path.replace("{id}", &id).replace("{token}", token);
        let options = client.ask("OPTIONS", &address, &[], b"", 204);
        let allowed: BTreeSet<_> = options.header("allow").split(", ").collect();
        let methods = ["get", "head", "post", "put", "patch", "delete"];
        let mut described: BTreeSet<_> = methods
            .into_iter()
            .filter(|method| item[method].is_object())
            .map(str::to_ascii_uppercase)
            .collect();
        described.insert("OPTIONS".to_owned());
        if described.contains("GET") {
            described.insert("HEAD".to_owned());
        }
        let described: BTreeSet<_> = described.iter().map(String::as_str).collect();
        assert_eq!(described, allowed, "{path}");
        for method in ["PUT", "PATCH", "TRACE", "QUERY"] {
            let refused = client.ask(method, &address, &[], b"", 405);
            assert_eq!(
                refused.header("allow"),
                options.header("allow"),
                "{method} {path}"
            );
        }
    }
    drop(server);
}

#[test]
fn every_reference_resolves() {
    fn walk(value: &Value, visit: &mut dyn FnMut(&str)) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| match value {
                Value::String(to) if name == "$ref" => visit(to),
                other => walk(other, visit),
            }),
            Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
            _ => {}
        }
    }
    let site = Site::new();
    let server = site.serve_example();
    let description = description(&server.client());
    let mut references = 0;
    walk(&description, &mut |to| {
        references += 1;
        let pointer = to.strip_prefix('#').expect("within the document");
        assert!(description.pointer(pointer).is_some(), "{to}");
    });
    assert!(references > 100, "{references}");

    // Links name operation ids, which code generators use as function names.
    let paths = description["paths"].as_object().expect("paths");
    let operations: Vec<_> = paths
        .values()
        .flat_map(|item| item.as_object().expect("methods").values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let distinct: BTreeSet<_> = operations.iter().collect();
    assert_eq!(operations.len(), distinct.len());
    let links = &description["paths"]["/v1/operations/zip"]["post"]["responses"]["202"]["links"];
    for link in links.as_object().expect("links").values() {
        let to = link["operationId"].as_str().expect("an operation");
        assert!(distinct.contains(&to), "{to}");
    }
    drop(server);
}

#[test]
fn described_params_match_the_operations() {
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    let description = description(&client);
    let operations = client.get("/v1/operations", 200).json();
    let operations = operations["operations"].as_array().expect("operations");
    assert_eq!(operations.len(), 7);
    for operation in operations {
        let name = operation["name"].as_str().expect("a name");
        let mut expected = operation["params"].clone();
        expected
            .as_object_mut()
            .expect("an object")
            .remove("$schema");
        let place = format!("#/components/schemas/{name}.params");
        let mut described = description["components"]["schemas"][format!("{name}.params")].clone();
        // The same schema except for its location and for what no client may send.
        described =
            serde_json::from_str(&described.to_string().replace(&place, "#")).expect("JSON");
        let definitions = expected.get_mut("$defs").and_then(Value::as_object_mut);
        for definition in definitions.into_iter().flatten() {
            let alternatives = definition.1.get_mut("anyOf").and_then(Value::as_array_mut);
            let Some(alternatives) = alternatives else {
                continue;
            };
            alternatives.retain(|alternative| alternative["readOnly"] != true);
            assert!(alternatives.len() >= 4);
        }
        assert_eq!(described, expected, "{name}");

        let submit = &description["paths"][format!("/v1/operations/{name}")]["post"];
        let content = submit["requestBody"]["content"]
            .as_object()
            .expect("content");
        assert_eq!(
            content["application/json"]["schema"],
            json!({ "$ref": place })
        );
        for form in ["application/x-www-form-urlencoded", "multipart/form-data"] {
            assert_eq!(
                content[form]["schema"]["required"], expected["required"],
                "{name}"
            );
        }
        assert_eq!(
            content.contains_key("*/*"),
            name == "digest",
            "a body that is a document"
        );
    }
    drop(server);
}

#[test]
fn head_of_the_description_matches_get() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let get = client.get("/openapi.json", 200);
    let head = client.ask("HEAD", "/openapi.json", &[], b"", 200);
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert!(head.body.is_empty());
    server.stop();
}
