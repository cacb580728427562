//! Monitor links: they show one job and its result to anyone who has the link.

use serde_json::{Value, json};

use crate::harness::Site;

#[test]
fn monitor_link_needs_no_token() {
    let site = Site::new();
    site.write_zeros("zeros", 64 << 20);
    let anna = site.token("anna", &[]);
    let server = site.serve();
    let client = server.client();
    let job = client.zip_as(&anna, "/docs/zeros");
    let link = job["links"]["monitor"].as_str().expect("a link");
    let path = &link[link.find("/monitor/").expect("a path")..];

    // A wrong token, or none, makes no difference.
    let headers = "authorization: Bearer wrong\r\n";
    let mut events = client.events(&format!("{path}/events"), headers);
    assert!(events.head.starts_with("HTTP/1.1 200"), "{}", events.head);
    let mut seen: Vec<(String, Value)> = Vec::new();
    while let Some((name, id, data)) = events.next() {
        assert_eq!(name, "job");
        seen.push((id, data));
    }
    let (last_id, last) = seen.last().expect("an event");
    assert_eq!(last["status"], "completed", "{last}");
    assert_eq!(last["percentageComplete"], json!(100.0));
    for (_, data) in &seen {
        assert!(
            data["params"].is_null() && data["links"].is_null(),
            "{data}"
        );
    }
    let mut again = client.events(
        &format!("{path}/events"),
        &format!("last-event-id: {last_id}\r\n"),
    );
    assert!(again.head.starts_with("HTTP/1.1 204"), "{}", again.head);
    assert!(again.next().is_none());

    let done = client.get(path, 303);
    assert_eq!(done.header("location"), format!("{link}/result"));
    let result = client.get(&format!("{path}/result"), 200);
    assert_eq!(
        result.header("content-length"),
        result.body.len().to_string()
    );
    client.ask("HEAD", &format!("{path}/result"), &[], b"", 200);
    client.ask("DELETE", path, &[], b"", 405);
    // A link with one wrong character is 404.
    let wrong = format!("{}A", &path[..path.len() - 1]);
    for tail in ["", "/events", "/result"] {
        if wrong != *path {
            client.get(&format!("{wrong}{tail}"), 404);
        }
    }
    // The link opens nothing else.
    client.get(
        &format!("/v1/jobs/{}", job["id"].as_str().expect("an id")),
        401,
    );
    server.stop();
}
