//! Forms and job options.

use serde_json::json;

use super::compare::{NEW, OLD, begin, request};
use super::{COMPARE, ask, ended, form, get, job_when, path_of, text};
use crate::harness::Site;

#[test]
fn form_documents_are_files_or_paths() {
    let site = Site::new();
    site.write("a.xml", OLD);
    let server = site.serve();
    let client = server.client();
    let (old, new) = (String::from_utf8_lossy(OLD), String::from_utf8_lossy(NEW));
    let path = format!("{COMPARE}/compare");
    for parts in [
        [
            ("name= \"input-a\"", "", "/docs/a.xml\r\n"),
            (
                "name=\"input-b\"; filename=\"new.xml\"",
                "application/xml",
                &*new,
            ),
        ],
        [
            ("name=\"inputA\"; filename=\"\"", "", &*old),
            ("name=\"inputB\"", "text/xml", &*new),
        ],
        [
            (
                "name=\"inputA\"; Content-Type: text/plain;",
                "",
                "/docs/a.xml",
            ),
            ("name=\"inputB\"", "", &*new),
        ],
    ] {
        let more = [
            ("name= \"async\"", "", "true"),
            ("name=\"words\"", "", "false"),
        ];
        let (headers, body) = form(&[&parts[..], &more].concat());
        let accepted = ask(client, "POST", &path, &headers, &body, 202);
        assert_eq!(accepted.header("content-type"), "application/xml");
        let job = path_of(&accepted);
        assert_eq!(ended(client, &job)["jobStatus"], "SUCCESS", "{body}");
        let result = get(client, &job.replace("/jobs/", "/downloads/"), 200);
        assert!(
            text(&result).contains(">The quick fox</deltaxml:text>"),
            "{}",
            text(&result)
        );
    }
    server.stop();
    site.check_tables();
}

#[test]
fn configurations_are_honored_or_rejected() {
    let site = Site::new();
    site.write(
        "a.xml",
        b"<r t='1'><p>one two</p><n>1</n><l><i>a</i><i>b</i></l></r>",
    );
    site.write(
        "b.xml",
        b"<r t='2'><p>one 2</p><n>1.01</n><l><i>b</i><i>a</i></l></r>",
    );
    let server = site.serve();
    let client = server.client();
    let path = format!("{COMPARE}/compare");
    let compare = |configuration: &str, status| {
        let body = format!(
            "<compare><input-a><path>/docs/a.xml</path></input-a><input-b><path>/docs/b.xml</path></input-b>{configuration}</compare>"
        );
        let headers = [("content-type", "application/xml")];
        text(&ask(client, "POST", &path, &headers, &body, status))
    };
    // Texts are marked as a whole unless the configuration says otherwise.
    assert!(compare("", 200).contains(">one two</deltaxml:text>"));
    let delta = compare(
        "<configuration><word-by-word>true</word-by-word><ignoreChanges>@t</ignoreChanges>\
         <numericTolerance>0.01</numericTolerance><orderless>l</orderless></configuration>",
        200,
    );
    assert!(delta.contains("one <deltaxml:textGroup"), "{delta}");
    assert!(!delta.contains("deltaxml:attributes"), "{delta}");
    assert!(
        delta.contains("<n deltaxml:deltaV2=\"A=B\">1.01</n>"),
        "{delta}"
    );
    assert!(delta.contains("original-position=\"A=1, B=2\""), "{delta}");
    let lists = compare(
        "<configuration><ignoreChanges>@t</ignoreChanges><ignoreChanges>n</ignoreChanges></configuration>",
        200,
    );
    assert!(
        lists.contains("<n deltaxml:deltaV2=\"A=B\">1.01</n>"),
        "{lists}"
    );
    let located = compare(
        "<dcf:configuration xmlns:dcf='com.deltaxml.data.config' version='1.0' id='c'>\
         <dcf:location name='order' xpath='//l'><dcf:child-order ignore-order='true'/></dcf:location>\
         <dcf:location name='time' xpath='/r/@t'><dcf:ignore-changes use='B'/></dcf:location></dcf:configuration>",
        200,
    );
    assert!(
        located.contains("original-position=\"A=1, B=2\""),
        "{located}"
    );
    assert!(!located.contains("deltaxml:attributes"), "{located}");
    let expression = compare(
        "<configuration><location xpath='//l[1]'><child-order ignore-order='true'/></location></configuration>",
        400,
    );
    assert!(expression.contains("//l[1]"), "{expression}");
    let unknown = compare(
        "<configuration><output-format>html</output-format></configuration>",
        400,
    );
    assert!(
        unknown.contains("unknown setting") && unknown.contains("tolerance"),
        "{unknown}"
    );
    compare(
        "<configuration type='file'><path>/docs/c.xml</path></configuration>",
        400,
    );
    compare("<configuration>/docs/c.xml</configuration>", 400);
    compare("<configuration/>", 200);

    let merge = |kind: &str, status| {
        let version = |name: &str, file: &str| {
            format!("<Version name=\"{name}\"><Path>/docs/{file}</Path></Version>")
        };
        let versions =
            version("base", "a.xml") + &version("ours", "b.xml") + &version("theirs", "a.xml");
        let body =
            format!("<ConcurrentMerge><Versions>{versions}</Versions>{kind}</ConcurrentMerge>");
        let headers = [("content-type", "application/xml")];
        let path = format!("{}/types/concurrent", super::MERGE);
        text(&ask(client, "POST", &path, &headers, &body, status))
    };
    assert!(merge("<ResultType>DELTAV2</ResultType>", 200).contains("deltaxml:deltaV2"));
    let merged = merge("<ResultType>RULE_PROCESSED_DELTAV2</ResultType>", 200);
    assert!(!merged.contains("deltaxml:"), "{merged}");
    let error = merge("<ResultType>XML_TRACK_CHANGES</ResultType>", 400);
    assert!(error.contains("RULE_PROCESSED_DELTAV2"), "{error}");
    server.stop();
}

#[test]
fn result_is_deleted_kept_or_written_to_a_file() {
    let site = Site::new();
    site.write("a.xml", OLD);
    site.write("b.xml", NEW);
    let server = site.serve();
    let client = server.client();
    let run = |options: &str| {
        let (job, _) = begin(client, &request("/docs/a.xml", "/docs/b.xml", options));
        (ended(client, &job), job.replace("/jobs/", "/downloads/"))
    };
    let get = |path: &str, expected| get(client, path, expected);
    let (_, kept) = run("<async><keepResult>true</keepResult></async>");
    get(&kept, 200);
    let delta = get(&kept, 200).body;
    let (job, once) = run("<async><keepResult>false</keepResult></async>");
    assert_eq!(job["output"]["type"], "http");
    assert_eq!(get(&once, 200).body, delta);
    get(&once, 404);
    let path = once.replace("/downloads/", "/jobs/");
    let job = job_when(client, &path, |job| job["output"].is_null());
    assert_eq!(
        (&job["jobStatus"], &job["link"]),
        (&json!("SUCCESS"), &json!([]))
    );

    let output = "<async><output type=\"file\"><path>/docs/out.xml</path></output></async>";
    let (job, written) = run(output);
    let expected = json!({
        "type": "file",
        "size": delta.len(),
        "uri": format!("http://{}{written}", server.address()),
        "path": "/docs/out.xml",
    });
    assert_eq!(job["output"], expected);
    assert_eq!(get(&written, 200).body, delta);
    let file = site.docs().join("out.xml");
    assert_eq!(std::fs::read(&file).expect("the file"), delta);
    ask(
        client,
        "DELETE",
        &written.replace("/downloads/", "/jobs/"),
        &[],
        "",
        200,
    );
    assert_eq!(
        std::fs::read(&file).expect("the file"),
        delta,
        "the folder is private"
    );
    server.stop();
}

#[test]
fn callback_is_made_on_success_only_and_names_the_job() {
    let site = Site::new();
    site.write("a.xml", OLD);
    site.write("b.xml", b"<r>");
    let server = site.serve();
    let client = server.client();
    let receiver = crate::origin::Origin::saying(crate::origin::reply("200 OK", "", b""));
    let url = receiver.url("/done?x=1");
    // With a space, as in the product's documentation.
    let options = format!(
        "<async><callback>{}</callback></async>",
        url.replace("http:", "http: ")
    );
    let (failed, _) = begin(client, &request("/docs/a.xml", "/docs/b.xml", &options));
    assert_eq!(ended(client, &failed)["jobStatus"], "FAILED");
    let (done, _) = begin(client, &request("/docs/a.xml", "/docs/a.xml", &options));
    assert_eq!(ended(client, &done)["jobStatus"], "SUCCESS");
    let asked = crate::harness::wait_for("the callback", || {
        let asked = receiver.asked();
        (!asked.is_empty()).then_some(asked)
    });
    let id = done.rsplit('/').next().expect("an id");
    let expected = format!("/done?x=1&jobId={id}");
    assert_eq!((&*asked[0].method, &*asked[0].path), ("GET", &*expected));
    let callbacks: Vec<_> = client.get("/v1/jobs", 200).json()["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| job["callback"]["state"].clone())
        .collect();
    assert!(callbacks.contains(&json!("skipped")), "{callbacks:?}");
    server.stop();
}
