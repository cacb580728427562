//! Jobs and operations in the JSON of the native API. Pure.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::job::{ByteProgress, Failure, Job, Outcome, ResultLocation, Stage, State, WallMs};
use crate::operations::{OperationSpec, remove_write_only};
use crate::plan::Restart;

/// A job. All members except `token` are always present; unknown values are null.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Job")]
struct JobJson<'a> {
    #[schemars(schema_with = "job_id")]
    id: String,
    /// The position in the order of submission.
    #[schemars(range(min = 1))]
    seq: i64,
    operation: &'a str,
    /// The name of the token that submitted the job. Only in responses to admin tokens, and only if the job was submitted
    /// with a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    token: Option<&'a str>,
    /// `deleted` occurs only in the response to DELETE and in events.
    #[schemars(extend("enum" = ["queued", "running", "succeeded", "failed", "canceled", "deleted"]))]
    status: &'static str,
    #[schemars(range(min = 0, max = 100))]
    percent_complete: Option<f64>,
    phase: Option<&'a str>,
    stage: Option<&'a Stage>,
    bytes: Option<ByteProgress>,
    /// The number of times that the job was started.
    attempt: u32,
    /// The params as submitted, without those that are write-only. Uploaded documents are shown by name, size, media type and
    /// digest.
    #[schemars(with = "Map<String, Value>")]
    params: Cow<'a, RawValue>,
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    #[schemars(extend("format" = "date-time"))]
    started_at: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    finished_at: Option<String>,
    /// The earliest time at which the job is deleted. Time while the server is down does not count.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
    output: Option<OutputJson<'a>>,
    error: Option<ErrorJson<'a>>,
    callback: Option<CallbackJson<'a>>,
    links: LinksJson,
}

/// The result of a job.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Output")]
struct OutputJson<'a> {
    /// `file` if the result was written to a file below a root, else `http`.
    #[schemars(extend("enum" = ["http", "file"]))]
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    path: Option<&'a str>,
    #[schemars(extend("format" = "uri"))]
    uri: String,
    /// The size in bytes.
    size: u64,
    media_type: &'a str,
    filename: &'a str,
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    sha256: &'a str,
}

/// Why a job failed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobError")]
struct ErrorJson<'a> {
    /// A stable error code. Operations can define their own codes.
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Value")]
    innererror: Option<&'a Value>,
}

/// The state of the callback delivery.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CallbackDelivery")]
struct CallbackJson<'a> {
    #[schemars(extend("format" = "uri"))]
    url: &'a str,
    #[schemars(extend("enum" = ["pending", "delivered", "failed", "skipped"]))]
    state: &'static str,
    attempts: u32,
    last_error: Option<&'a str>,
}

/// Related URLs. `cancel`, `retry` and `result` are present only while they can be used.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobLinks")]
struct LinksJson {
    #[serde(rename = "self")]
    #[schemars(extend("format" = "uri"))]
    job: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "uri"))]
    cancel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "uri"))]
    retry: Option<String>,
    #[schemars(extend("format" = "uri"))]
    events: String,
    #[schemars(extend("format" = "uri"))]
    log: String,
    #[schemars(extend("format" = "uri"))]
    monitor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "uri"))]
    result: Option<String>,
}

/// Adds the schemas of jobs, their results and their errors to the OpenAPI document.
pub(crate) fn add_schemas(generator: &mut SchemaGenerator) {
    generator.subschema_for::<JobJson>();
}

/// A reference to the schema of job ids, which are path parameters too.
fn job_id(_: &mut SchemaGenerator) -> Schema {
    Schema::new_ref("#/components/schemas/JobId".to_owned())
}

/// The parts that a job's links are made of.
pub(crate) struct Links<'a> {
    /// The URL that links begin with.
    pub(crate) base: &'a str,
    /// The job's monitor token.
    pub(crate) token: String,
}

impl Links<'_> {
    /// The URL of a job.
    pub(crate) fn job(&self, job: &Job) -> String {
        format!("{}/v1/jobs/{}", self.base, job.id)
    }

    /// The job's monitor URL, which needs no other authorization.
    pub(crate) fn monitor(&self) -> String {
        format!("{}/monitor/{}", self.base, self.token)
    }
}

/// The URL of a job's result.
pub(crate) fn download_url(base: &str, job: &Job) -> String {
    format!("{base}/v1/downloads/{}", job.id)
}

/// A job as JSON. `token` is the name of its token if the reader may know it, `params` are its params as JSON text.
pub(crate) fn job(job: &Job, token: Option<&str>, params: &str, links: &Links<'_>) -> Vec<u8> {
    let json = JobJson {
        token,
        ..JobJson::of(job, params, links)
    };
    serde_json::to_vec(&json).expect("plain structs always serialise")
}

/// A deleted job as JSON, with its last state.
pub(crate) fn deleted_job(
    job: &Job,
    token: Option<&str>,
    params: &str,
    links: &Links<'_>,
) -> Vec<u8> {
    let mut json = JobJson {
        token,
        status: "deleted",
        ..JobJson::of(job, params, links)
    };
    json.links.cancel = None;
    json.links.retry = None;
    json.links.result = None;
    serde_json::to_vec(&json).expect("plain structs always serialise")
}

impl<'a> JobJson<'a> {
    fn of(job: &'a Job, params: &'a str, links: &Links<'_>) -> Self {
        let (started, ended) = match &job.state {
            State::Queued => (None, None),
            State::Running { started } => (Some(*started), None),
            State::Ended {
                started,
                finished,
                expires,
                outcome,
                ..
            } => (*started, Some((*finished, *expires, outcome))),
        };
        let output = job.output().map(|output| OutputJson {
            r#type: match output.location {
                ResultLocation::File { .. } => "file",
                ResultLocation::Blob(_) | ResultLocation::Consumed => "http",
            },
            path: match &output.location {
                ResultLocation::File { path, .. } => Some(path),
                ResultLocation::Blob(_) | ResultLocation::Consumed => None,
            },
            uri: download_url(links.base, job),
            size: output.size,
            media_type: &output.media_type,
            filename: &output.filename,
            sha256: &output.sha256,
        });
        let error = match ended {
            Some((_, _, Outcome::Failed(failure))) => Some(ErrorJson::of(failure)),
            _ => None,
        };
        Self {
            id: job.id.to_string(),
            seq: job.seq.0,
            operation: &job.operation,
            token: None,
            status: job.status().as_str(),
            percent_complete: job.progress.percent,
            phase: job.progress.phase.as_deref(),
            stage: job.progress.stage.as_ref(),
            bytes: job.progress.bytes,
            attempt: job.attempt,
            params: public_params(job, params),
            created_at: rfc3339(job.created),
            started_at: started.map(rfc3339),
            finished_at: ended.map(|(finished, _, _)| rfc3339(finished)),
            expires_at: ended.map(|(_, expires, _)| rfc3339(expires)),
            links: LinksJson {
                job: links.job(job),
                cancel: job
                    .can_be_canceled()
                    .then(|| format!("{}/cancel", links.job(job))),
                retry: job
                    .is_terminal()
                    .then(|| format!("{}/retry", links.job(job))),
                events: format!("{}/events", links.job(job)),
                log: format!("{}/log", links.job(job)),
                monitor: links.monitor(),
                result: output.as_ref().map(|output| output.uri.clone()),
            },
            output,
            error,
            callback: callback(job),
        }
    }
}

/// Params as they were sent, without blob numbers and write-only values. Most have neither and need no parsing.
fn public_params<'a>(job: &Job, params: &'a str) -> Cow<'a, RawValue> {
    const VALID: &str = "stored params are JSON that this server wrote";
    let write_only = &job.options.write_only;
    if job.uploads.is_empty() && write_only.is_empty() {
        return Cow::Borrowed(serde_json::from_str(params).expect(VALID));
    }
    let params: Value = serde_json::from_str(params).expect(VALID);
    let mut public = without_blobs(&params);
    remove_write_only(&mut public, write_only);
    Cow::Owned(RawValue::from_string(public.to_string()).expect(VALID))
}

/// The state of a job's callback, which is pending until the job ends.
fn callback(job: &Job) -> Option<CallbackJson<'_>> {
    let callback = job.options.callback.as_ref()?;
    let delivery = job.callback.as_ref();
    Some(CallbackJson {
        url: &callback.url,
        state: delivery.map_or("pending", |delivery| delivery.state.as_str()),
        attempts: delivery.map_or(0, |delivery| delivery.attempts),
        last_error: delivery.and_then(|delivery| delivery.last_error.as_deref()),
    })
}

/// The error of a failed job.
pub(crate) fn error(failure: &Failure) -> Value {
    serde_json::to_value(ErrorJson::of(failure)).expect("plain structs always serialise")
}

impl<'a> ErrorJson<'a> {
    fn of(failure: &'a Failure) -> Self {
        Self {
            code: &failure.code,
            message: &failure.message,
            innererror: failure.inner.as_ref(),
        }
    }
}

/// Params without the blob numbers of uploads, which differ between identical requests.
pub(crate) fn without_blobs(params: &Value) -> Value {
    match params {
        Value::Object(members) => {
            let is_upload = members.get("type").is_some_and(|kind| kind == "upload");
            let shown = members
                .iter()
                .filter(|(name, _)| !is_upload || *name != "blob");
            Value::Object(
                shown
                    .map(|(name, value)| (name.clone(), without_blobs(value)))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(without_blobs).collect(),
        other => other.clone(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationJson<'a> {
    name: &'a str,
    title: &'a str,
    params: &'a Value,
    inputs: Value,
    output: Value,
    restart: &'static str,
    max_attempts: u32,
    links: Value,
}

fn inputs(spec: &OperationSpec) -> Value {
    let inputs = spec.inputs.iter().map(|(name, input)| {
        (name.clone(), json!({ "required": input.required, "list": input.list, "mediaTypes": input.media_types }))
    });
    Value::Object(inputs.collect())
}

/// An operation as JSON.
pub(crate) fn operation(spec: &OperationSpec, base: &str) -> Value {
    let json = OperationJson {
        name: &spec.name,
        title: &spec.title,
        params: &spec.params,
        inputs: inputs(spec),
        output: json!({ "mediaType": spec.output }),
        restart: match spec.restart {
            Restart::Requeue => "requeue",
            Restart::Fail => "fail",
        },
        max_attempts: spec.attempts(),
        links: json!({ "self": format!("{base}/v1/operations/{}", spec.name) }),
    };
    serde_json::to_value(&json).expect("plain structs always serialise")
}

/// A time in RFC 3339: UTC with milliseconds.
fn rfc3339(ms: WallMs) -> String {
    let time = UNIX_EPOCH
        .checked_add(Duration::from_millis(ms.0.max(0) as u64))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_millis(time).to_string()
}
