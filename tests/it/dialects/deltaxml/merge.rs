//! XML Merge: versions are merged, polled and downloaded.

use serde_json::{Value, json};

use super::{
    AS_JSON, AS_XML, Held, MERGE, ask, ended, form, get, is_time, is_uuid, job_when, path_of,
    tagged, text,
};
use crate::harness::{Client, Site, wait_for};
use crate::origin::Origin;

const BASE: &[u8] = b"<r><p>one</p></r>";
const ANNA: &[u8] = b"<r><p>two</p></r>";

fn begin(
    client: Client,
    kind: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (String, super::Reply) {
    let path = format!("{MERGE}/types/{kind}");
    let accepted = ask(client, "POST", &path, headers, body, 202);
    (path_of(&accepted), accepted)
}

/// The seconds vary, but the duration is present.
fn nanoseconds(text: &str) -> u64 {
    text.parse().expect("a number")
}

#[test]
fn merge_is_submitted_polled_and_downloaded_in_xml() {
    let site = Site::new();
    site.write("base.xml", BASE);
    site.write("anna.xml", ANNA);
    let server = site.serve();
    let client = server.client();
    let held = Held::new(b"<r><p>three</p></r>");
    let receiver = Origin::saying(crate::origin::reply("200 OK", "", b""));
    let body = format!(
        "<Concurrent>
<Async>
<Callback>{}</Callback>
<Output type=\"file\">
<Path>/docs/output.xml</Path>
</Output>
</Async>
<Versions>
<Version name=\"base\" type=\"file\"><Path>/docs/base.xml</Path></Version>
<Version name=\"anna\" type=\"file\"><Path>/docs/anna.xml</Path></Version>
<Version name=\"ben\" type=\"http\"><Uri>{}</Uri></Version>
</Versions>
<Configuration>
<Indent>true</Indent><RuleConfiguration><DisplaySimpleAdds>false</DisplaySimpleAdds></RuleConfiguration>
</Configuration>
<ResultType>DELTAV2</ResultType>
</Concurrent>",
        receiver.url("/xml-merge-rest/"),
        held.url("/ben.xml"),
    );
    let (job, accepted) = begin(client, "concurrent", &AS_XML, &body);
    let id = job.rsplit('/').next().expect("an id");
    assert!(is_uuid(id), "{id}");
    let expected = format!(
        "<job>
    <jobId>{id}</jobId>
    <jobStatus>QUEUED</jobStatus>
    <links>
        <link href=\"{job}\"/>
    </links>
</job>
"
    );
    assert_eq!(text(&accepted), expected);

    let of_ben = |job: &Value| job["phaseDescription"] == "Processing Version 'ben'";
    let processing = job_when(client, &job, of_ben);
    let links = ["delete", "cancel"].map(|rel| json!({ "rel": rel, "href": job }));
    let expected = json!({
        "jobId": id,
        "startTime": processing["startTime"],
        "processingTime": processing["processingTime"],
        "jobStatus": "PROCESSING",
        "phaseDescription": "Processing Version 'ben'",
        "stageDescription": "ben",
        "links": links,
    });
    assert_eq!(processing, expected);
    assert!(processing["processingTime"].is_u64(), "{processing}");

    held.let_go("/ben.xml");
    ended(client, &job);
    let success = text(&get(client, &job, 200));
    let [started, finished, took] =
        ["startTime", "finishedTime", "processingTime"].map(|name| tagged(&success, name));
    assert!(is_time(started) && is_time(finished), "{success}");
    let delta = std::fs::read(site.docs().join("output.xml")).expect("the file");
    let bytes = delta.len();
    let download = job.replace("/jobs/", "/downloads/");
    let expected = format!(
        "<job>
    <jobId>{id}</jobId>
    <startTime>{started}</startTime>
    <finishedTime>{finished}</finishedTime>
    <processingTime>{}</processingTime>
    <jobStatus>SUCCESS</jobStatus>
    <output type=\"file\">
        <size>{bytes}</size>
        <uri>http://{}{download}</uri>
        <path>/docs/output.xml</path>
    </output>
    <links>
        <link>
            <rel>result</rel>
            <href>{download}</href>
        </link>
    </links>
</job>
",
        nanoseconds(took),
        server.address(),
    );
    assert_eq!(success, expected);
    let result = get(client, &download, 200);
    assert_eq!(result.body, delta);
    assert!(text(&result).contains("deltaxml:version-order=\"base, anna, ben\""));
    assert!(
        text(&result).contains("\n  <p deltaxml:deltaV2=\"base!=anna!=ben\">"),
        "{}",
        text(&result)
    );
    let asked = wait_for("the callback", || receiver.asked().pop());
    let expected = format!("/xml-merge-rest/?jobId={id}");
    assert_eq!((&*asked.method, &*asked.path), ("GET", &*expected));
    // A deleted job is not deleted or changed again.
    ask(client, "DELETE", &job, &[], "", 200);
    assert_eq!(
        std::fs::read(site.docs().join("output.xml")).expect("the file"),
        delta
    );
    server.stop();
}

#[test]
fn deleted_running_merge_is_shown_as_xml_and_json() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let held = Held::new(BASE);
    let body = json!({
        "Versions": [
            { "type": "http", "name": "version-one", "Uri": held.url("/one.xml") },
            { "type": "inline", "name": "version-two", "Value": "<r/>" },
        ],
        "ResultType": "DELTAV2",
        "Async": true,
    })
    .to_string();
    let is_begun = |job: &Value| job["phaseDescription"] == "Processing Version 'version-one'";

    let (job, accepted) = begin(client, "concurrent", &AS_JSON, &body);
    let id = job.rsplit('/').next().expect("an id");
    let expected = json!({ "jobId": id, "jobStatus": "QUEUED", "links": [{ "href": job }] });
    assert_eq!(accepted.json(), expected);
    let started = job_when(client, &job, is_begun)["startTime"].clone();
    let headers = [("accept", "application/json")];
    let deleted = ask(client, "DELETE", &job, &headers, "", 200).json();
    let expected = json!({
        "jobId": id,
        "startTime": started,
        "jobStatus": "DELETED",
        "phaseDescription": "Processing Version 'version-one'",
        "stageDescription": "version-one",
        "links": []
    });
    assert_eq!(deleted, expected);
    get(client, &job, 404);

    let (job, _) = begin(client, "sequential", &AS_JSON, &body);
    let id = job.rsplit('/').next().expect("an id");
    let started = job_when(client, &job, is_begun)["startTime"].clone();
    let deleted = text(&ask(client, "DELETE", &job, &[], "", 200));
    let expected = format!(
        "<job>
    <jobId>{id}</jobId>
    <startTime>{}</startTime>
    <processingTime>{}</processingTime>
    <jobStatus>DELETED</jobStatus>
    <phaseDescription>Processing Version 'version-one'</phaseDescription>
    <stageDescription>version-one</stageDescription>
    <links/>
</job>
",
        started.as_str().expect("a time"),
        nanoseconds(tagged(&deleted, "processingTime")),
    );
    assert_eq!(deleted, expected);
    get(client, &job, 404);
    get(client, &job.replace("/jobs/", "/downloads/"), 404);
    server.stop();
}

#[test]
fn form_parts_name_the_versions() {
    let site = Site::new();
    site.write("base.xml", BASE);
    let server = site.serve();
    let client = server.client();
    let receiver = Origin::saying(crate::origin::reply("200 OK", "", b""));
    let callback = receiver.url("/");
    let (headers, body) = form(&[
        ("name=\"base\"", "", "/docs/base.xml"),
        (
            "name=\"v1.0\"; filename=\"four-edits.xml\"",
            "",
            "<r><p>two</p></r>",
        ),
        ("name=\"ben\"", "application/xml", "<r><q/>"),
        ("name=\"Async\"", "", "true"),
        ("name=\"ElementSplitting\"", "", "true"),
        ("name=\"ResultType\"", "", "DELTAV2"),
        ("name=\"AsyncCallback\"", "", &callback),
        ("name=\"AsyncOutput\"", "", "/docs/output.xml"),
    ]);
    let (job, accepted) = begin(client, "concurrent", &headers, &body);
    assert_eq!(accepted.header("content-type"), "application/xml");
    let failed = ended(client, &job);
    assert_eq!(failed["jobStatus"], "FAILED");
    let error = &failed["error"];
    assert_eq!(error["ErrorCode"], 400);
    assert_eq!(error["timestamp"], failed["finishedTime"]);
    let message = error["ErrorMessage"].as_str().expect("a message");
    assert!(message.starts_with("ben: "), "{message}");
    let xml = text(&get(client, &job, 200));
    assert!(
        xml.contains("    <error>\n        <ErrorMessage>ben: "),
        "{xml}"
    );
    // Whatever its outcome.
    let asked = wait_for("the callback", || receiver.asked().pop());
    let id = job.rsplit('/').next().expect("an id");
    assert_eq!(asked.path, format!("/?jobId={id}"));

    let (job, _) = begin(
        client,
        "concurrent",
        &headers,
        &body.replace("<q/>", "<p/></r>"),
    );
    assert_eq!(ended(client, &job)["jobStatus"], "SUCCESS");
    let delta = std::fs::read_to_string(site.docs().join("output.xml")).expect("the file");
    assert!(
        delta.contains("deltaxml:version-order=\"base, v1.0, ben\""),
        "{delta}"
    );
    server.stop();
    site.check_tables();
}

#[test]
fn every_listed_merge_type_is_accepted() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let path = format!("{MERGE}/types");
    let types = ask(
        client,
        "GET",
        &path,
        &[("accept", "application/json")],
        "",
        200,
    )
    .json();
    let types = types["Types"].as_object().expect("types").clone();
    assert_eq!(types.len(), 3);
    let version = |name: &str, text: &str| {
        format!("<Version name='{name}' type='inline'><Value>&lt;r>{text}&lt;/r></Value></Version>")
    };
    for (root, one) in types {
        let link = &one["Links"][0];
        assert_eq!(link["rel"], "self");
        let path = link["href"].as_str().expect("a path");
        let versions: String = [("a", "one"), ("b", "two"), ("c", "three")]
            .map(|(name, text)| version(name, text))
            .concat();
        for root in [&*root, root.trim_end_matches("Merge")] {
            let body = format!("<{root}><Versions>{versions}</Versions></{root}>");
            let merged = text(&ask(client, "POST", path, &AS_XML, &body, 200));
            assert!(merged.contains("version-order=\"a, b, c\""), "{merged}");
        }
        let two = version("a", "one") + &version("b", "two");
        let body = format!("<{root}><Versions>{two}</Versions></{root}>");
        let expected = if root.starts_with("Three") { 400 } else { 200 };
        ask(client, "POST", path, &AS_XML, &body, expected);
        ask(
            client,
            "POST",
            path,
            &AS_XML,
            &body.replace(&*root, "compare"),
            400,
        );
    }
    let xml = text(&get(client, &path, 200));
    assert!(
        xml.starts_with("<MergeTypes>\n    <Types>\n        <ThreeWayMerge>"),
        "{xml}"
    );
    server.stop();
}
