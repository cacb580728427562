//! OneDrive: items, copies, uploads from a URL, and monitor URLs.

use serde_json::{Value, json};

use super::ask;
use crate::harness::{Client, Reply, Server, Site, wait_for};
use crate::origin::{Origin, reply};

/// The reply must have this status; errors must have OneDrive's format.
fn expect(client: Client, method: &str, path: &str, body: &Value, status: u16) -> Reply {
    let headers: &[(&str, &str)] = if method == "POST" {
        &[("prefer", "respond-async")]
    } else {
        &[]
    };
    let reply = ask(client, method, path, headers, body);
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, status, "{method} {path}: {text}");
    if status >= 400 {
        let error = reply.json();
        assert!(
            error["error"]["code"].is_string() && error["error"]["message"].is_string(),
            "{error}"
        );
    }
    reply
}

/// The path of one of the server's URLs.
fn path_of(server: &Server, url: &str) -> String {
    let path = url.strip_prefix(&format!("http://{}", server.address()));
    path.unwrap_or_else(|| panic!("{url} is not ours"))
        .to_owned()
}

/// Polls the monitor until the job has ended, and checks each reply.
fn ended(client: Client, monitor: &str, operation: &str) -> Reply {
    wait_for("the job's end", || {
        let reply = ask(client, "GET", monitor, &[], &Value::Null);
        if reply.status != 202 {
            return Some(reply);
        }
        let status = reply.json();
        assert_eq!(reply.header("content-type"), "application/json");
        let expected = json!({
            "operation": operation,
            "percentageComplete": status["percentageComplete"].as_f64().expect("a number"),
            "status": status["status"],
        });
        assert_eq!(status, expected);
        let known = ["notStarted", "inProgress"].map(Value::from);
        assert!(known.contains(&status["status"]), "{status}");
        None
    })
}

#[test]
fn folder_is_copied_monitored_and_found() {
    let site = Site::new();
    for number in 0..500 {
        site.write(&format!("LargeFolder1/{number}"), b"x");
    }
    std::fs::create_dir(site.docs().join("Documents")).expect("a folder");
    let server = site.serve();
    let client = server.client();
    let folder = expect(
        client,
        "GET",
        "/drive/root:/docs/LargeFolder1",
        &Value::Null,
        200,
    )
    .json();
    let id = folder["id"].as_str().expect("an id");

    let body = json!({
        "parentReference": { "path": "/drive/root:/docs/Documents" }, "name": "Copy of LargeFolder1",
    });
    let accepted = expect(
        client,
        "POST",
        &format!("/drive/items/{id}/copy"),
        &body,
        202,
    );
    assert!(accepted.body.is_empty());
    let url = accepted.header("location").to_owned();
    let monitor = path_of(&server, &url);
    let token = monitor.strip_prefix("/monitor/").expect("a monitor");
    assert!(token.len() >= 22, "{token}");

    let completed = ended(client, &monitor, "ItemCopy");
    assert_eq!(completed.status, 303);
    assert_eq!(completed.header("content-type"), "application/json");
    let resource = completed.json()["resourceId"].clone();
    assert_eq!(
        completed.json(),
        json!({ "percentageComplete": 100.0, "resourceId": resource, "status": "completed" })
    );
    let resource = resource.as_str().expect("an id");
    let location = path_of(&server, completed.header("location"));
    assert_eq!(location, format!("/drive/items/{resource}"));
    let item = expect(client, "GET", &location, &Value::Null, 200).json();
    let documents = expect(
        client,
        "GET",
        "/drive/root:/docs/Documents",
        &Value::Null,
        200,
    )
    .json();
    assert_eq!(
        item,
        json!({
            "id": resource,
            "resourceId": resource,
            "name": "Copy of LargeFolder1",
            "size": 0,
            "folder": { "childCount": 500 },
            "parentReference": { "id": documents["id"], "path": "/drive/root:/docs/Documents" },
        })
    );
    server.stop();
}

#[test]
fn items_are_found_by_path_and_id_under_both_prefixes() {
    let site = Site::new();
    site.write("a b/12:30.txt", b"hello");
    let server = site.serve();
    let client = server.client();
    let get = |path: &str| expect(client, "GET", path, &Value::Null, 200).json();
    let root = get("/drive/root");
    assert_eq!(root["folder"], json!({ "childCount": 1 }));
    assert_eq!(get("/v1.0/drive/items/root"), root);
    let docs = get("/drive/root:/docs");
    assert_eq!(
        docs["parentReference"],
        json!({ "id": "root", "path": "/drive/root:" })
    );
    let file = get("/v1.0/drive/root:/docs/a%20b/12%3A30.txt");
    let id = file["id"].as_str().expect("an id");
    assert_eq!(get(&format!("/drive/items/{id}")), file);
    assert_eq!(
        (
            &file["name"],
            &file["size"],
            &file["file"],
            &file["parentReference"]["path"]
        ),
        (
            &json!("12:30.txt"),
            &json!(5),
            &json!({ "mimeType": "text/plain" }),
            &json!("/drive/root:/docs/a%20b")
        ),
        "{file}"
    );
    for path in [
        format!("/drive/items/{id}/content"),
        "/drive/root:/docs/a%20b/12%3A30.txt:/content".to_owned(),
    ] {
        let content = expect(client, "GET", &path, &Value::Null, 200);
        assert_eq!(content.body, b"hello");
        assert_eq!(content.header("content-type"), "text/plain");
    }
    let children = get("/drive/root:/docs:/children");
    assert_eq!(children["value"][0]["name"], "a b");
    for path in [
        "/drive/items/999999",
        "/drive/root:/nowhere",
        "/drive/root:/docs/../data",
        "/drive/nothing",
        "/v1.0/nothing",
        "/drive/items/x",
        "/me/drive/nothing",
        "/me/drive/root:/docs/nowhere",
    ] {
        let error = expect(client, "GET", path, &Value::Null, 404).json();
        assert_eq!(error["error"]["code"], "itemNotFound", "{error}");
    }
    let refused = expect(
        client,
        "GET",
        &format!("/drive/items/{id}/copy"),
        &Value::Null,
        405,
    );
    assert_eq!(refused.header("allow"), "POST, OPTIONS");
    expect(client, "POST", "/drive/root/copy", &json!({}), 403);
    server.stop();
}

#[test]
fn existing_target_fails_on_the_monitor() {
    let site = Site::new();
    site.write("a.txt", b"new");
    site.write("b.txt", b"old");
    let server = site.serve();
    let client = server.client();
    let copy = |action: &str, query: &str, body: Value| {
        let path = format!("/v1.0/drive/root:/docs/a.txt:/{action}{query}");
        let accepted = expect(client, "POST", &path, &body, 202);
        ended(
            client,
            &path_of(&server, accepted.header("location")),
            "ItemCopy",
        )
    };
    let conflict = |behavior: &str| format!("?@microsoft.graph.conflictBehavior={behavior}");
    for (query, body) in [
        (conflict("fail"), json!({ "name": "b.txt" })),
        (String::new(), json!({ "name": "b.txt" })),
        (String::new(), json!({})),
    ] {
        let failed = copy("copy", &query, body);
        assert_eq!(failed.status, 200);
        let said = failed.json();
        let message = said["statusDescription"].as_str().expect("a message");
        assert!(message.contains("already exists"), "{said}");
        assert_eq!(
            said,
            json!({
                "operation": "ItemCopy",
                "percentageComplete": said["percentageComplete"].as_f64().expect("a number"),
                "status": "failed",
                "statusDescription": message,
                "error": { "code": "nameAlreadyExists", "message": message },
            })
        );
    }
    let item = |completed: &Reply| {
        let location = path_of(&server, completed.header("location"));
        let item = expect(client, "GET", &location, &Value::Null, 200).json();
        assert_eq!(item["resourceId"], completed.json()["resourceId"]);
        assert!(item["status"].is_null(), "{item}");
        item["name"].as_str().expect("a name").to_owned()
    };
    let renamed = copy(
        "action.copy",
        &conflict("rename"),
        json!({ "name": "b.txt" }),
    );
    assert_eq!(item(&renamed), "b (1).txt");
    let replaced = copy(
        "copy",
        "?%40microsoft.graph.conflictBehavior=replace",
        json!({ "name": "b.txt" }),
    );
    assert_eq!(item(&replaced), "b.txt");
    assert_eq!(
        std::fs::read(site.docs().join("b.txt")).expect("a file"),
        b"new"
    );

    let refuse = |query: &str, body: Value, code: &str, status| {
        let path = format!("/drive/root:/docs/a.txt:/copy{query}");
        let error = expect(client, "POST", &path, &body, status).json();
        assert_eq!(error["error"]["code"], code, "{error}");
    };
    refuse(&conflict("ask"), json!({}), "invalidRequest", 400);
    refuse("", json!({ "name": "a/b" }), "invalidRequest", 400);
    refuse(
        "",
        json!({ "parentReference": { "id": "999999" } }),
        "itemNotFound",
        404,
    );
    refuse(
        "",
        json!({ "parentReference": { "path": "/drive/root:/etc" } }),
        "invalidRequest",
        400,
    );
    refuse("", json!([]), "invalidRequest", 400);
    server.stop();
}

#[test]
fn monitor_of_every_job_needs_no_token() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/a");
    let job = client.ended(&id);
    let url = job["links"]["monitor"].as_str().expect("a link");
    let monitor = path_of(&server, url);
    for prefix in ["", "/v1.0"] {
        let bearer = [("authorization", "Bearer other-token")];
        let reply = ask(
            client,
            "GET",
            &format!("{prefix}{monitor}"),
            &bearer,
            &Value::Null,
        );
        assert_eq!(reply.status, 303);
        assert_eq!(reply.json()["resourceId"], json!(id));
        let result = path_of(&server, reply.header("location"));
        assert_eq!(result, format!("{prefix}{monitor}/result"));
        client.get(&result, 200);
    }
    let lost = ask(client, "GET", "/monitor/x", &[], &Value::Null);
    assert_eq!(
        (lost.status, &lost.json()["error"]["code"]),
        (404, &json!("itemNotFound"))
    );
    server.stop();
}

#[test]
fn upload_from_a_url_requires_respond_async() {
    let site = Site::new();
    site.write("x.jpg", b"old");
    let origin = Origin::saying(reply(
        "200 OK",
        "content-type: image/jpeg\r\n",
        b"a picture",
    ));
    let server = site.serve();
    let client = server.client();
    let path = "/drive/root:/docs:/children";
    let url = origin.url("/x");
    let body = json!({ "@microsoft.graph.sourceUrl": url, "name": "x.jpg", "file": {} });
    let refused = ask(client, "POST", path, &[], &body);
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["code"], "invalidRequest");
    expect(client, "POST", path, &json!({ "name": "x.jpg" }), 400);
    let body_of = |url: &str| json!({ "@content.sourceUrl": url, "name": "x.jpg" });
    let later = [("prefer", "respond-async")];
    let refused = ask(client, "POST", path, &later, &body_of("ftp://a.test/x"));
    let message = &refused.json()["error"]["message"];
    let message = message.as_str().expect("a message");
    assert!(
        message.starts_with("@microsoft.graph.sourceUrl: "),
        "named as in the request: {message}"
    );
    expect(
        client,
        "POST",
        path,
        &json!({ "@content.sourceUrl": url }),
        400,
    );
    assert!(origin.asked().is_empty());

    let docs = expect(client, "GET", "/drive/root:/docs", &Value::Null, 200).json();
    let docs = docs["id"].as_str().expect("an id");
    for (query, member, name) in [
        (
            "?@microsoft.graph.conflictBehavior=rename",
            "@microsoft.graph.sourceUrl",
            "x (1).jpg",
        ),
        (
            "?@microsoft.graph.conflictBehavior=replace",
            "@content.sourceUrl",
            "x.jpg",
        ),
    ] {
        let path = format!("/v1.0/drive/items/{docs}/children{query}");
        let body = json!({ member: url, "name": "x.jpg", "file": {} });
        let accepted = expect(client, "POST", &path, &body, 202);
        assert!(accepted.body.is_empty());
        let monitor = path_of(&server, accepted.header("location"));
        let completed = ended(client, &monitor, "DownloadUrl");
        assert_eq!(
            completed.status,
            303,
            "{:?}",
            String::from_utf8_lossy(&completed.body)
        );
        let location = path_of(&server, completed.header("location"));
        let item = expect(client, "GET", &location, &Value::Null, 200).json();
        assert_eq!(
            item,
            json!({
                "id": item["id"],
                "resourceId": completed.json()["resourceId"],
                "name": name,
                "size": 9,
                "file": { "mimeType": "image/jpeg" },
                "parentReference": { "id": docs, "path": "/drive/root:/docs" },
            })
        );
        let content = expect(
            client,
            "GET",
            &format!("{location}/content"),
            &Value::Null,
            200,
        );
        assert_eq!(content.body, b"a picture");
    }
    let failed = expect(client, "POST", path, &body, 202);
    let failed = ended(
        client,
        &path_of(&server, failed.header("location")),
        "DownloadUrl",
    );
    assert_eq!(failed.json()["error"]["code"], "nameAlreadyExists");
    server.stop();
}
