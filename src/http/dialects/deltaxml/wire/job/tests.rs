//! Tests of every state of a job in the formats of both products.

use std::sync::Arc;

use crate::http::dialects::deltaxml::wire::job::*;
use crate::http::dialects::deltaxml::wire::{Media, Product};
use crate::job::{BlobId, IdleMs, JobId, JobOptions, Params, Seq, Stage, Version};

const ID: &str = "652a2e28-986c-4039-bf24-c53a971836e9";
/// 2018-09-18T08:57:49.668Z.
const STARTED: WallMs = WallMs(1_537_261_069_668);
const BASE: &str = "http://0.0.0.0:8080";

fn a_job(state: State, progress: Progress) -> Job {
    Job {
        seq: Seq(1),
        id: JobId::from_uuid(ID).expect("an id"),
        token: None,
        operation: "merge".into(),
        params: Params::Inline("{}".into()),
        uploads: Arc::default(),
        attempt: 1,
        interrupted_attempts: 1,
        version: Version(1),
        cancel_requested: false,
        delete_requested: false,
        options: Arc::new(JobOptions::default()),
        callback: None,
        log: None,
        finalizing: false,
        created: STARTED,
        state,
        progress,
    }
}

fn running(progress: Progress) -> Job {
    a_job(State::Running { started: STARTED }, progress)
}

fn ended(outcome: Outcome) -> Job {
    let state = State::Ended {
        started: Some(STARTED),
        finished: WallMs(STARTED.0 + 1),
        expires: WallMs(0),
        due: IdleMs(0),
        outcome,
    };
    a_job(state, progress(false))
}

fn progress(finalizing: bool) -> Progress {
    Progress {
        phase: Some("Processing Version 'version-one'".into()),
        stage: Some(Stage {
            name: "Filter result/2-key".into(),
            current: 2,
            total: 5,
        }),
        finalizing,
        ..Progress::default()
    }
}

fn success(location: ResultLocation) -> Outcome {
    Outcome::Succeeded(Output {
        location,
        size: 7,
        sha256: String::new(),
        media_type: String::new(),
        filename: String::new(),
        target_path: None,
    })
}

#[test]
fn every_state_has_its_job_status() {
    let now = JobView::Now(STARTED);
    let check = |job_in_state: &Job, view, expected: &str| {
        let xml = job(Product::Compare, job_in_state, BASE, view).render(Media::Xml, "job");
        let word = format!("<jobStatus>{expected}</jobStatus>");
        assert!(xml.contains(&word), "{expected}: {xml}");
    };
    let queued = a_job(State::Queued, Progress::default());
    check(&queued, now, "QUEUED");
    check(&running(Progress::default()), now, "STARTED");
    check(&running(progress(false)), now, "PROCESSING");
    check(&running(progress(true)), now, "SAVING");
    let finalizing = Job {
        finalizing: true,
        ..running(progress(false))
    };
    check(&finalizing, now, "SAVING");
    check(
        &ended(success(ResultLocation::Blob(BlobId(1)))),
        now,
        "SUCCESS",
    );
    check(&ended(success(ResultLocation::Consumed)), now, "SUCCESS");
    let failure = Failure::new("not_well_formed", "It is not.");
    check(&ended(Outcome::Failed(failure)), now, "FAILED");
    check(&ended(Outcome::Canceled), now, "CANCELLED");
    for of in [&queued, &finalizing, &ended(Outcome::Canceled)] {
        check(of, JobView::Deleted(STARTED), "DELETED");
        check(of, JobView::Accepted, "QUEUED");
    }
}

#[test]
fn deleted_merge_matches_the_documented_example() {
    let of = running(progress(false));
    let deleted = JobView::Deleted(WallMs(STARTED.0 + 3_740));
    let shown = job(Product::Merge, &of, BASE, deleted);
    let expected = format!(
        "\
<job>
    <jobId>{ID}</jobId>
    <startTime>2018-09-18T08:57:49.668+0000</startTime>
    <processingTime>3740000000</processingTime>
    <jobStatus>DELETED</jobStatus>
    <phaseDescription>Processing Version 'version-one'</phaseDescription>
    <stageDescription>Filter result/2-key</stageDescription>
    <links/>
</job>
"
    );
    assert_eq!(shown.render(Media::Xml, "job"), expected);
    let expected = format!(
        "{{\"jobId\":\"{ID}\",\"startTime\":\"2018-09-18T08:57:49.668+0000\",\"jobStatus\":\"DELETED\",\
         \"phaseDescription\":\"Processing Version 'version-one'\",\"stageDescription\":\"Filter result/2-key\",\
         \"links\":[]}}"
    );
    assert_eq!(shown.render(Media::Json, "job"), expected);
}

#[test]
fn failure_has_the_products_error_format() {
    let of = ended(Outcome::Failed(Failure::new(
        "not_well_formed",
        "It's not.",
    )));
    let json = |product| {
        let shown = job(product, &of, BASE, JobView::Now(STARTED));
        shown.render(Media::Json, "job")
    };
    let error = |name: &str| {
        format!(
            "\"jobStatus\":\"FAILED\",\"error\":{{\"{name}Message\":\"It's not.\",\"{name}Id\":\"{ID}\",\
             \"{name}Code\":400,\"timestamp\":\"2018-09-18T08:57:49.669+0000\"}}"
        )
    };
    let compare = json(Product::Compare);
    assert!(compare.contains(&error("error")), "{compare}");
    assert!(
        compare.ends_with("\"totalNumberOfStages\":5,\"currentStage\":2,\"link\":[]}"),
        "{compare}"
    );
    let merge = json(Product::Merge);
    assert!(merge.contains(&error("Error")), "{merge}");
    assert!(merge.contains("\"processingTime\":1000000,"), "{merge}");
}

#[test]
fn urls_begin_with_the_base_url() {
    let base = "https://example.org/cloak";
    let shown = |of: &Job| {
        let shown = job(Product::Compare, of, base, JobView::Now(STARTED));
        shown.render(Media::Json, "job")
    };
    let location = ResultLocation::File {
        path: "/docs/x.xml".into(),
        modified_ns: 0,
    };
    let success = shown(&ended(success(location)));
    let output = format!(
        "\"output\":{{\"type\":\"file\",\"size\":7,\"uri\":\"{base}/api/xml-data-compare/v1/downloads/{ID}\",\
         \"path\":\"/docs/x.xml\"}},\"totalNumberOfStages\":5,\"currentStage\":5,"
    );
    assert!(success.contains(&output), "{success}");
    let href = format!("\"href\":\"/cloak/api/xml-data-compare/v1/downloads/{ID}\"");
    assert!(success.contains(&href), "{success}");
    let running = shown(&running(progress(false)));
    let href = format!("\"href\":\"/cloak/api/xml-data-compare/v1/jobs/{ID}\"");
    assert_eq!(running.matches(&href).count(), 2, "{running}");
}
